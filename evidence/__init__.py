"""Evidence bundles: what an approved referral hands over, so that anybody can check it."""
