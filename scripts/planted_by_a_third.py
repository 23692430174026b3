"""Thirty-four more mistakes in how samples reach a model, by a third author, who had not seen the check either.

Nor had this one read its documentation, its tests or its results. The mistakes were gathered from what people report
in practice, in each family that a declaration can be wrong in; what happens there is said of each in a few words. An
edit is made as those of ``planted_by_others`` are: silent, deterministic, and None where it cannot be.
"""

from __future__ import annotations

import planted_numbers as numbers
import planted_pixels as pixels
import planted_signals as signals
import planted_texts as texts
from planted_by_others import Edit

MISTAKES: tuple[tuple[str, tuple[str, ...], Edit], ...] = (
    ("fewer bits than the word has", ("scale",), numbers.wider_words),
    ("whole numbers run over", ("scale", "saturated"), numbers.overflowed),
    ("each sample stretched to the whole range", ("scale", "mean and deviation"), numbers.stretched_alone),
    ("magnitude for power, or the reverse", ("scale", "mean and deviation"), numbers.magnitude_for_power),
    ("the int8 twin's numbers", ("scale", "mean and deviation"), numbers.twins_numbers),
    ("the mean left out", ("mean and deviation",), numbers.mean_left_out),
    ("the deviation left out", ("mean and deviation", "scale"), numbers.deviation_left_out),
    ("the variance for the deviation", ("mean and deviation", "scale"), numbers.variance_for_deviation),
    ("scaled before the mean is taken off", ("mean and deviation",), numbers.scaled_before),
    ("statistics of the set at hand", ("mean and deviation",), numbers.fitted_again),
    ("statistics in the other channels' order", ("mean and deviation", "channel order"), numbers.statistics_reversed),
    ("the bytes of RGB565 exchanged", ("channel order", "layout"), pixels.bytes_of_565),
    ("A, R, G for R, G, B", ("channel order", "constant channel"), pixels.alpha_first),
    ("a mosaic that begins elsewhere", ("channel order",), pixels.mosaic_shifted),
    ("Y, Cb, Cr for R, G, B", ("channel order",), pixels.luma_first),
    ("RGBA read by threes", ("layout", "channel order"), pixels.alpha_between),
    ("the lowest line first", ("layout",), pixels.bottom_up),
    ("EXIF orientation ignored", ("layout",), pixels.orientation_ignored),
    ("the newest first", ("layout",), signals.newest_first),
    ("the highest band first", ("layout", "channel order"), signals.bands_downwards),
    ("a window laid flat the other way", ("layout",), signals.laid_flat_otherwise),
    ("the high byte first", ("layout", "scale"), signals.big_endian),
    ("into the corner, not all over", ("padding",), pixels.into_the_corner),
    ("a spectrum filled up with 0", ("padding",), signals.filled_with_zeros),
    ("filled up by repeating", ("padding",), signals.filled_by_repeating),
    ("frames centred, with a mirrored start", ("padding",), signals.frames_centred),
    ("another token for padding", ("padding", "vocabulary"), texts.another_padding),
    ("read at 22,050 Hz", ("sample rate",), signals.librosas_rate),
    ("mel filters of another rate", ("sample rate",), signals.filters_of_another_rate),
    ("every second one, given twice", ("sample rate",), signals.every_second_one),
    ("one microphone read as two", ("sample rate", "layout"), signals.silent_side),
    ("numbers one too low", ("vocabulary",), texts.one_too_low),
    ("special tokens missing", ("vocabulary",), texts.special_tokens_missing),
    ("capital letters unknown", ("vocabulary",), texts.capitals_unknown),
)
