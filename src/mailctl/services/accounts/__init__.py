"""Use cases of people's accounts: folders, rules, answers, collection, listing."""
