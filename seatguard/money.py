"""Money: whole minor units and a currency. Never a float."""

from __future__ import annotations

from dataclasses import dataclass

from seatguard.errors import InvalidInput

_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF"
        " CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL"
        " HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP"
        " MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD"
        " SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS"
        " VED VES WST XCD YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
DIGITS = {code: digits for digits, codes in _DIGITS.items() for code in codes.split()}
"""ISO 4217 codes in use, and how many digits their minor unit has."""


def valid_currency(code: object, *, field: str = "currency") -> str:
    """An ISO 4217 code in capitals.

    >>> valid_currency("EUR")
    'EUR'
    """
    if not isinstance(code, str) or code not in DIGITS:
        raise InvalidInput.single(
            field, "invalid_currency", f"{code!r} is no ISO 4217 code: use one like 'EUR' or 'USD'"
        )
    return code


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of one currency.

    >>> Money(1250, "EUR") + Money(50, "EUR")
    Money(minor=1300, currency='EUR')
    >>> str(Money(1250, "EUR")), str(Money(1250, "JPY")), str(Money(-5, "KWD"))
    ('12.50 EUR', '1250 JPY', '-0.005 KWD')
    """

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        """The sum.

        Raises:
            ValueError: of two currencies there is none.
        """
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __mul__(self, times: int) -> Money:
        """So many times as much."""
        return Money(self.minor * times, self.currency)

    def __str__(self) -> str:
        digits = DIGITS[self.currency]
        whole, part = divmod(abs(self.minor), 10**digits)
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{whole}" + (f".{part:0{digits}}" if digits else "") + f" {self.currency}"
