"""The fabric's side of certificates and encryption: another implementation than the agent's, on purpose."""
