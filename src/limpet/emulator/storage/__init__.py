"""Blob storage, the rights to it that URLs carry, and the handler packages that are hosted in it."""
