"""What a Linux guest on Azure owes its platform, as plans: facts and wishes in, tasks of steps out. Pure.

A module is about one thing of the machine: the user, sshd, the temporary disk, a lease. Its planner is given what is wanted and
what is there, and gives the steps that lead from one to the other; where nothing is missing it gives none. `limpet.host.facts`
looks at the machine for it, `limpet.host.apply` does the steps. (The container of an appliance is the guest *shell*.)
"""
