"""What a Linux guest on Azure owes its platform, as plans: facts and wishes in, tasks of steps out. Pure."""
