//! Expressions with what they find and what they do not, and mistakes.

use super::*;

fn found(pattern: &str, text: &str) -> bool {
    let written = translate(pattern, Reading::Ecma).unwrap_or_else(|problem| panic!("{pattern}: {problem}"));
    let regex = fancy_regex::Regex::new(&written).unwrap_or_else(|error| panic!("{pattern} as {written}: {error}"));
    regex.is_match(text).unwrap()
}

/// Pattern, a text that it finds something in, and one that it does not. Source: ECMA 262, sections 22.2.1 and B.1.2.
const CASES: &[(&str, &str, &str)] = &[
    (r"^\d$", "5", "\u{667}"),
    (r"^\D$", "\u{667}", "5"),
    (r"^\w$", "_", "\u{e9}"),
    (r"^\W$", "\u{e9}", "a"),
    (r"^\s$", "\u{feff}", "\u{85}"),
    (r"^\s$", "\u{a0}", "x"),
    (r"^\S$", "\u{85}", "\u{2028}"),
    (r"^[\d\s]+$", "1 2", "1_2"),
    (r"^[^\d]$", "\u{667}", "5"),
    (r"^[^\D]$", "5", "\u{667}"),
    (r"^[\w-]+$", "a-b", "a b"),
    (r"^[\w-z]+$", "a-z", "a b"),
    (r"^.$", "\u{85}", "\u{2028}"),
    (r"^.$", "\u{1f600}", "\r"),
    (r"^a$", "a", "a\n"),
    (r"^a|b$", "xb", "xbx"),
    (r"\bfoo\b", "a foo", "\u{e9}foo1"),
    (r"\bfoo\b", "\u{e9}foo", "_foo"),
    (r"o\B", "foo", "fo"),
    (r"^\cJ$", "\n", "cJ"),
    (r"^\cj$", "\n", "J"),
    (r"^\/$", "/", "\\/"),
    (r"^\-\_\@\ $", "-_@ ", "-_@"),
    (r"^\x41\u0042\u{43}$", "ABC", "abc"),
    (r"^\uD83D\uDE00$", "\u{1f600}", "\u{1f601}"),
    (r"^[\uD83D\uDE00-\u{1f602}]$", "\u{1f601}", "\u{1f603}"),
    (r"^\0$", "\0", "0"),
    (r"^[\b]$", "\u{8}", "b"),
    (r"^\v\f$", "\u{b}\u{c}", "vf"),
    (r"^(?<year_no>\d{4})-\k<year_no>$", "2020-2020", "2020-2021"),
    (r"^(?<$a>x)(?<b1>y)\k<$a>$", "xyx", "xyy"),
    (r"^(a)\1$", "aa", "a"),
    (r"^\1(a)$", "a", "aa"),
    (r"^(?=.*\d)[a-z\d]+$", "a1", "ab"),
    (r"^(?!x).*$", "y", "x"),
    (r"(?<=\$)\d", "$5", "5"),
    (r"(?<!\$)\d", "5", "$5"),
    (r"(?<=a|bc)d", "bcd", "cd"),
    (r"^(?=a)+a$", "a", "b"),
    (r"^(?:ab)*c$", "ababc", "abab"),
    (r"^(?=a)*b$", "b", "a"),
    (r"^[^[\]]+$", "abc", "a[b"),
    (r"^[[]$", "[", "]"),
    (r"^[a&&b]$", "&", "c"),
    (r"^[+--b]$", ",", "a"),
    (r"^[~~]$", "~", "a"),
    (r"^[-a]$", "-", "b"),
    (r"^[a-]$", "-", "b"),
    (r"^]$", "]", "["),
    (r"^}$", "}", "{"),
    (r"^{a}$", "{a}", "a"),
    (r"^a{,2}$", "a{,2}", "aa"),
    (r"^a{2}$", "aa", "a{2}"),
    (r"^a{2,}?$", "aaa", "a"),
    (r"^a{1,99999999999999999999}$", "aaa", ""),
    (r"^\${x}$", "${x}", "x"),
    (r"[^]", "\n", ""),
    (r"^(?:a|[])$", "a", "b"),
    (r"^\p{L}+$", "\u{e9}a", "1"),
    (r"^\p{Letter}+$", "\u{e9}a", "1"),
    (r"^\P{L}$", "1", "a"),
    (r"^\p{Script=Greek}$", "\u{3b1}", "a"),
    (r"^\p{sc=Grek}$", "\u{3b1}", "a"),
    (r"^\p{Lu}\p{Uppercase}\p{General_Category=Decimal_Number}$", "AB1", "Ab1"),
    (r"^[\p{L}_.-]+$", "\u{e9}.x", "1"),
    (r"^[^\p{L}]$", "1", "\u{e9}"),
    (r"^\p{Emoji}$", "\u{1f600}", "x"),
    (r"^(?i:a)b$", "Ab", "AB"),
    (r"^(?s:.)$", "\n", "ab"),
    (r"^<a>$", "<a>", "a"),
    (r"^\<a\>$", "<a>", "a"),
    (r"#x y", "#x y", "xy"),
    (r"", "", "\u{0}never"),
];

#[test]
fn expressions_mean_what_the_language_says() {
    for (pattern, yes, no) in CASES {
        assert!(found(pattern, yes), "{pattern} is in {yes:?}");
        if !pattern.is_empty() {
            assert!(!found(pattern, no), "{pattern} is not in {no:?}");
        }
    }
}

#[test]
fn a_translation_is_itself_an_expression_and_means_the_same() {
    for (pattern, yes, no) in CASES.iter().filter(|(pattern, _, _)| !pattern.is_empty()) {
        let once = translate(pattern, Reading::Ecma).unwrap();
        assert!(found(&once, yes) && !found(&once, no), "{pattern} as {once}");
    }
}

#[test]
fn mistakes_are_found() {
    for pattern in [
        "[",
        "(",
        ")",
        "*a",
        "a**",
        "?",
        "a{2,1}",
        "[z-a]",
        r"\y",
        r"\",
        "(?z)",
        "(?<1>a)",
        "(?<>a)",
        "(?<a",
        r"\k<n>",
        r"\k",
        r"\p{Nope}",
        r"\p{greek}",
        r"\p",
        r"\x1",
        r"\u12",
        r"\u{110000}",
        r"\u{}",
        "(?<a>x)(?<a>y)",
        r"\1",
        r"\c",
        r"\c1",
        "(?<=a)*",
        "^*",
        r"\b+",
        "(?i)a",
        r"\A",
        r"\Z",
        r"\z",
        "a++",
        "(?>a)",
        "{2}",
        "[a--b]",
        "(?:",
    ] {
        assert!(translate(pattern, Reading::Ecma).is_err(), "{pattern}");
    }
}

#[test]
fn what_java_has_beyond_is_read_on_demand() {
    for (pattern, yes, no) in
        [("(?i)^ab$", "AB", "abc"), (r"\Aab\z", "ab", "abc"), (r"\Aab\Z", "ab\n", "abc"), ("(?s)a.b", "a\nb", "ab")]
    {
        let regex = fancy_regex::Regex::new(&translate(pattern, Reading::WithJava).unwrap()).unwrap();
        assert!(regex.is_match(yes).unwrap(), "{pattern}");
        assert!(!regex.is_match(no).unwrap(), "{pattern}");
    }
}
