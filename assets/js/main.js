// Own listeners: they stand in front of htmx in the one script file.
