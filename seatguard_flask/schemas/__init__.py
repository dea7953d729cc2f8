"""What is asked and answered, as pydantic models: they check requests and make the OpenAPI document."""
