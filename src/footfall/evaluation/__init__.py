"""Time splits, ranking metrics, intervals and leaderboards; NumPy only."""
