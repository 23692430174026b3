"""Steps from sound to what models of it take: spectrogram, mel bands, logarithm, cepstrum. Each is over the last axes.

Put together they are the usual front ends: log-mel is spectrogram, mel, log; MFCC is those and mfcc.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen

Count = Annotated[int, Field(gt=0)]


class Spectrogram(Frozen):
    """The magnitude, or its square, of the short-time Fourier transform: (…, samples) becomes (…, frames, bins).

    ``bins`` is ``fft_length // 2 + 1``. No factor is applied to the transform.

    Attributes:
        window_length, hop_length: in samples.
        fft_length: default the window's length. A shorter window is filled with zeros: at its end, as TensorFlow's
            ``tf.signal.stft`` and Kaldi do, or if ``center``, on both sides, as ``torch.stft`` and librosa do.
        window: its periodic form (for ``hann``: 0.5 - 0.5 cos(2 pi n / window_length)), or the symmetric one.
        center: whether half an ``fft_length`` is added on both sides, by ``padding``, so that frame t is centred at
            sample ``t * hop_length``.
        power: 1 for the magnitude, 2 for the power.
    """

    op: Literal["spectrogram"] = "spectrogram"
    window_length: Count
    hop_length: Count
    fft_length: Count | None = None
    window: Literal["hann", "hamming", "blackman", "rectangular"] = "hann"
    periodic: bool = True
    center: bool = False
    padding: Literal["reflect", "zeros"] = "reflect"
    power: Literal[1, 2] = 2

    @model_validator(mode="after")
    def _fits(self) -> Spectrogram:
        if self.fft_length is not None and self.fft_length < self.window_length:
            raise ValueError(f"fft_length {self.fft_length} is less than window_length {self.window_length}")
        return self

    @property
    def transform_length(self) -> int:
        """Of the Fourier transform."""
        return self.fft_length or self.window_length


class Mel(Frozen):
    """Triangular bands on the mel scale: (…, bins) becomes (…, bands).

    Scales: ``htk`` is 2595 log10(1 + f / 700) (the HTK Book, 5.4.5; also TensorFlow's and Kaldi's); ``slaney`` is
    linear below 1,000 Hz and logarithmic above (Slaney, Auditory Toolbox, 1998; librosa's default).

    Attributes:
        sample_rate: in Hz.
        low, high: the outer edges in Hz; ``high`` is half the sample rate by default.
        norm: ``slaney`` divides each band by half its width in Hz, so that all have the same area.
        triangles: whether the sides are straight over Hz (librosa, torchaudio) or over mel (TensorFlow, Kaldi).
    """

    op: Literal["mel"] = "mel"
    sample_rate: Count
    bands: Count
    low: Annotated[float, Field(ge=0)] = 0.0
    high: Annotated[float, Field(gt=0)] | None = None
    scale: Literal["htk", "slaney"] = "htk"
    norm: Literal["none", "slaney"] = "none"
    triangles: Literal["hz", "mel"] = "hz"

    @model_validator(mode="after")
    def _edges(self) -> Mel:
        if not self.low < self.upper_edge <= self.sample_rate / 2:
            raise ValueError(f"low {self.low:g} and high {self.upper_edge:g} Hz at a sample rate of {self.sample_rate}")
        return self

    @property
    def upper_edge(self) -> float:
        """In Hz."""
        return self.high if self.high is not None else self.sample_rate / 2


class Log(Frozen):
    """``log(max(x, floor) + offset)``: natural, to base 10, or in decibels of a power (10 log10).

    ``range``: values lower than a sample's highest less this are raised to it, in the unit of the result (Whisper: 8 to
    base 10; librosa's ``top_db``: 80 decibels).
    """

    op: Literal["log"] = "log"
    base: Literal["e", "10", "db"] = "e"
    floor: Annotated[float, Field(ge=0)] = 1e-10
    offset: Annotated[float, Field(ge=0)] = 0.0
    range: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _never_of_zero(self) -> Log:
        if self.floor == 0 and self.offset == 0:
            raise ValueError("floor and offset are both 0: silence would become minus infinity")
        return self


class Mfcc(Frozen):
    """The first coefficients of the cosine transform (DCT-II) of log-mel bands: (…, bands) becomes (…, coefficients).

    Attributes:
        norm: ``ortho`` is the orthonormal transform (librosa, torchaudio); ``htk`` has sqrt(2 / bands) for all, the
            first one too (the HTK Book, 5.6; ``tf.signal.mfccs_from_log_mel_spectrograms``).
        lifter: coefficient n is multiplied by 1 + lifter / 2 * sin(pi n / lifter) (the HTK Book, 5.6); 0 for none.
    """

    op: Literal["mfcc"] = "mfcc"
    coefficients: Count
    norm: Literal["ortho", "htk"] = "ortho"
    lifter: Annotated[float, Field(ge=0)] = 0.0


SoundStep = Spectrogram | Mel | Log | Mfcc
