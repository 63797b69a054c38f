"""The report on a batch and the page on which lines are reviewed: worst first, with sound, words, curves and a head."""
