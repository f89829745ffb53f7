"""The words that the grammar draws from: on each level what is valid, and what nearly is."""

SEPARATOR = "\x1e"

NUMBERS = (
    "0", "-0", "-1", "1", "1.5", "1e3", "1E400", "-1e400", "1e-400", "00", "1.", ".5", "+1", "0x1",
    "9007199254740993", "123456789012345678901234567890", "9" * 400, "9" * 4301, "NaN", "Infinity",
    "-Infinity",
)  # fmt: skip
STRINGS = (
    '""', '"a"', '"sku:7"', '"é"', '"𝄞"', '"\\ud834\\udd1e"', '"\\ud800"', '"\\udc00x"', '"\\u0000"',
    '"\x00"',
    '"\\n"', '"\n"', '"a,b"', '" "', '"٣"', '"__proto__"', '"_placeholder"', '"1-1"', '"\x7f"', '"\\x"', '"',
    "'a'", '"\ufeff"', '"\u2028"', f'"{"x" * 257}"',
)  # fmt: skip
WORDS = ("true", "false", "null", "nul", "None", "undefined", "[]", "{}", "[", "]", "}", "", " ", "\ufeff[]")
KEYS = ('"a"', '"_placeholder"', '"num"', '"pid"', '"offset"', '"recovery"', '""', '"\\ud800"', "a", "1")
EVENTS = (
    '"subscribe"', '"unsubscribe"', '"item_removed"', '"item_removed"', '"other"', '"connect"',
    '"disconnect"',
    '"connect_error"', '"disconnecting"', '"newListener"', '"removeListener"', '"message"', '"*"', '""',
    '"\\ud800"', f'"{"e" * 256}"', f'"{"e" * 257}"', '"\\u0000"', "1", "null", "true", "[]", "{}",
)  # fmt: skip
COUNTS = (
    "0-",
    "1-",
    "2-",
    "3-",
    "10-",
    "11-",
    "999999999-",
    "9999999999-",
    "-",
    "-1-",
    "1",
    "01-",
    "١-",
    "²-",
)
NAMESPACES = (
    "/,", "/shop,", "/shop", "/nowhere,", "/shop?a=b,", "/,/,", "/é,", "/\x00,", "//,", "/sh",
    f"/{'n' * 300},",
    "/queuecast,",
)  # fmt: skip
IDS = ("0", "1", "7", "12", "01", "999999999999999", "9999999999999999", "9" * 400, "-1", "٣", "²", "1.5")
ENGINE = (
    "",
    "0",
    "1",
    "2",
    "2probe",
    "3",
    "3",
    "3",
    "3probe",
    "4",
    "5",
    "6",
    "7",
    "9",
    "b",
    "bAA==",
    "٤",
    "\x00",
)
CLOSE_CODES = (
    0,
    1,
    999,
    1000,
    1001,
    1004,
    1005,
    1006,
    1007,
    1011,
    1014,
    1015,
    2999,
    3000,
    4008,
    4999,
    5000,
    65535,
)
BAD_TEXT = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82")
LENGTHS = (
    0,
    1,
    124,
    125,
    126,
    127,
    128,
    65535,
    65536,
    1 << 31,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
