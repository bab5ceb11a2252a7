"""Finding tickets by what was said in them and by what they are.

    language.parse(text)         what somebody typed: words, phrases, operators
    asking.find(text, …)         the tickets, the newest first
    indexing.index_due()         what the search knows, kept up to date

Only agents search here; what they tell each other in notes is found too.
"""
