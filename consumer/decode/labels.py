"""The words by which a cell calls its record a sum of others, in the languages of vendors and spreadsheets.

The patterns are those of RE2, which DuckDB uses; all are compared in any case.
"""

_EDGE = r"[\s\p{P}\p{S}]*"
_GAP = r"[\s_-]*"

# "total", "subtotal", "grand total", "service total", "total costs", "total amount due", "total for all services".
_WHICH = (
    "sub|grand|over ?all|running|cumulative|net|gross|final|invoice|bill(?:ing)?|month(?:ly)?|daily|day|week(?:ly)?"
    "|year(?:ly)?|annual|quarterly|period|services?|account|project|subscription|customer|page|report|costs?|charges?"
    "|amount|sum|all"
)
_OF_WHAT = (
    r"for|of|all|the|in|incl(?:uding|\.)?|excl(?:uding|\.)?|before|after|net|gross|costs?|charges?|spend(?:ing)?"
    "|amounts?|price|due|bill(?:ed)?|invoices?|fees?|sum|services?|accounts?|projects?|subscriptions?|months?|years?"
    "|days?|period|payable|tax(?:es)?|vat"
)
_TOTAL = rf"(?:(?:{_WHICH}){_GAP})?totals?(?:[\s_-]+(?:{_OF_WHAT})){{0,5}}"

_WORDS = (
    _TOTAL,
    r"sums?(?:[\s_-]+(?:total|of(?:[\s_-]+(?:all|the)){0,2}))?",
    # German
    r"(?:(?:gesamt|zwischen|teil|end|rechnungs|monats|jahres|netto|brutto)[\s-]*)?summen?(?:[\s-]+(?:gesamt|netto|brutto))?",
    r"(?:ins)?gesamt(?:[\s-]*(?:betrag|kosten|preis|ergebnis|netto|brutto))?",
    # French, Italian, Spanish, Portuguese
    r"total[\s-]+(?:g[ée]n[ée]ral|partiel|h\.?t|t\.?t\.?c|des co[ûu]ts)",
    r"total[\s-]+(?:general|geral|parcial|a pagar|del mes|do m[êe]s)",
    r"(?:sous|gran)[\s-]?total(?:[\s-]+(?:h\.?t|t\.?t\.?c))?",
    r"(?:montant|importe|coste?|costo|custo|valor|importo) total[e]?",
    r"(?:sub)?totale(?:[\s-]+(?:generale|complessivo|parziale|costi|fattura))?",
    r"somm[ea]|soma|suma(?:[\s-]+(?:total|cz[ęe][śs]ciowa|ca[łl]kowita|ko[ńn]cowa))?",
    # Dutch, and the languages of the north and the east
    r"(?:sub|eind)?totaal(?:bedrag|kosten)?",
    r"totalt|i alt|(?:total|del|mellan|v[äa]li)?summ?a?|yhteens[äa]",
    r"razem|[łl][ąa]cznie|og[óo][łl]em|celkem|(?:mezi)?sou[čc]et|[öo]sszesen|ukupno|(?:(?:ara|genel) )?toplam",
    r"итого|всего|(?:общий|промежуточный) итог|сумма|разом|усього|σύνολο",
    # Chinese, Japanese, Korean
    r"(?:(?:本月|本期|费用|費用|金额|金額|税込|税抜|総)?(?:合计|总计|小计|总额|共计|总和|合計|小計|総計|総額|總計|總額))",
    r"(?:총)?(?:합계|소계|총계|총액)",
)  # fmt: skip
_WORD = f"(?:{'|'.join(_WORDS)})"

# "(USD)", "EUR", "2026-09" or ": 120.00" behind the word; signs and points are cut off anyway.
_CODES = (
    "usd|eur|gbp|jpy|cny|rmb|inr|aud|cad|chf|sek|nok|dkk|pln|brl|mxn|krw|sgd|hkd|nzd|zar|czk|huf|ils|aed|sar|thb|idr|myr"
    "|php|twd|vnd|clp|cop|ars|ron|bgn|uah|rub"
)
_CURRENCY = rf"(?:[\s_-]*(?:in )?(?:\([a-z]{{3}}\)|(?:{_CODES})))?"
_BEHIND = rf"{_CURRENCY}(?:\s+20[0-9]{{2}}[0-9/.-]*)?(?:\s*:[\s\p{{P}}\p{{S}}0-9]*)?"

LABEL = rf"(?i){_EDGE}{_WORD}{_BEHIND}{_EDGE}"
"""A whole cell that says its record is a sum, such as `Grand total (USD):`."""

_JOINTS = "for|of|per|by|für|von|der|des|du|de|del|della|di|do|da|para|por|pour|par|voor|van|för|til|dla|за|по"
NAMED = rf"(?i){_EDGE}{_WORD}(?:\s+(?:{_JOINTS})\s+|\s*[:|/–—]\s*|\s+-\s+)\S.*"  # noqa: RUF001 - dashes
"""A cell that names what its record sums up, behind the word, such as `Total for Example Inc.`"""

_LAST = rf"(?:\S[\s_-]+(?:(?:sub|grand){_GAP})?(?:totals?|totale|summe|suma)|\p{{Han}}(?:合计|总计|小计|合計|小計))"
NAMED_BEFORE = rf"(?i).*{_LAST}{_EDGE}"
"""A cell that names what its record sums up, before the word, such as `Example Inc. subtotal`."""

_CORE = (
    r"totaa?l|summ[ae]|suma\b|\bsums?\b|delsum|somm[ae]|soma\b|gesamt|\bi alt|yhteens|razem|[łl][ąa]cz|og[óo][łl]"
    r"|celkem|sou[čc]et|[öo]sszesen|ukupno|toplam|итог|всего|сумма|разом|усього|σύνολο|合计|总计|小计|总额|共计|总和|合計|小計"
    "|総計|総額|總計|總額|합계|소계|총계|총액"
)

HINT = rf"(?is).*(?:{_CORE}).*"
"""A text that has one of the words somewhere: quick to compare, and true for all that the others are true for."""

IN_JSON = (
    rf'(?is).*(?:":"(?:{LABEL[4:]}"|{_EDGE}{_WORD}[\s:|/–—-])'  # noqa: RUF001 - dashes
    rf'|(?:{_CORE}){_EDGE}"[,}}]).*'
)
"""A JSON object of which some cell is perhaps such a label."""
