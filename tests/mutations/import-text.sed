# Breaks: that what is no text is not imported
# File: cli/verb/import_file.c
# Test: cli-import
s/!safe_text_is\(secret_view\(file->text\)\)/false/
