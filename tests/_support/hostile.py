"""Labels that break output that is not escaped."""

import pytest

HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "entity": "&lt;b&gt; &#60; &amp;",
    "dot syntax": ']; a -> b [label="x"',
    "quotes": "\"'`",
    "escapes": "\\N \\G \\l \\",
    "html table": "</TD></TR></TABLE>>",
    "comment": "--> /* // # <!--",
    "cdata": "]]> <![CDATA[",
    "braces": "{0} {a} {} %s %(x)s",
    "control characters": "a\x00b\x07c\x1b[31md\x7f",
    "newlines": "one\ntwo\r\nthree\u2028four\tfive",
    "right to left": "\u202eabc\u202c \u2067def\u2069 \u200fg",
    "zero width": "a\u200bb\ufeffc\u2060d",
    "not characters": "a\ud800\uffff\ufdd0\U0010ffffb",
    "long": "w" * 10_000,
    "emoji": "👩‍👩‍👧‍👦 🎉",
    "accents": "Z̸̢̛a̴l̷g̵o̶",
    "arabic": "وزن",
    "many emoji": "🎉" * 100,
}


each_hostile = pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE.keys())
