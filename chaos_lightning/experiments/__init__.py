"""Many runs of ``fit``: planned, shared out among workers and summed up over seeds. Knows no model and no data."""
