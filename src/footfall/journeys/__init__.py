"""Analyses of journeys: each is a partial over one partition and a merge of partials."""
