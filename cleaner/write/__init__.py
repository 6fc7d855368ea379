"""What a run leaves on disk: texts, the documents table, the ledger; and the way back from them to the sources.

Nothing is imported here, because Arrow takes long to import: import ``cleaner.write.output``,
``cleaner.write.restore`` or ``cleaner.write.digest`` where they are used.
"""
