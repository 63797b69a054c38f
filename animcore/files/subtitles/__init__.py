"""Words, phonemes and mouth shapes on disk: SRT, VTT, TextGrid, Rhubarb."""
