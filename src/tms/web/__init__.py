"""Pages for people: signing in, a learner's courses, what trainers and administrators need to see."""
