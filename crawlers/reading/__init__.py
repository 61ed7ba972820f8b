"""From the bytes of a page to what they hold. Nothing here asks for anything or keeps anything."""
