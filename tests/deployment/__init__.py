"""What a deployment is made of, judged without starting it."""
