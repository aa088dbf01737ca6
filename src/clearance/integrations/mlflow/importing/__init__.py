"""What came from an MLflow server, under which name and number there?"""
