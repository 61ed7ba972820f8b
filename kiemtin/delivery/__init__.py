"""How messages leave: by SMTP, and as signed webhooks."""
