"""The benches: limpet and its peers do the same on the same fabric, and what they took stands side by side."""
