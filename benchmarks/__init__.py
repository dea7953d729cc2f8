"""What Seatguard costs, each figure beside that of something known, measured in the same run.

``python -m benchmarks.all`` runs everything; see README.md. No test asserts a time: a figure is read by
people who know the machine.
"""
