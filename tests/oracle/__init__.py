"""The batch oracle: measures as plain SQL over raw events, sharing no code with the stream."""
