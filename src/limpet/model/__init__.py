"""The field's nouns as frozen values. Pure: imports nothing of ours but itself."""
