"""What is written for people from the tables of verbs and settings: the manual page, completions, the settings' page."""
