"""Groups of students with dates, seats, trainers and courses."""
