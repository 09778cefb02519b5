"""What runs a Python handler: lambda.md 2.8 and 3.3. A package, so that no name here can hide a module of the user's."""
