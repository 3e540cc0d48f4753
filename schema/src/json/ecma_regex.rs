//! The syntax of regular expressions in ECMA 262: one pass checks an expression and writes the same for fancy-regex.
//!
//! Expressions are read as with the `u` flag (characters are code points), and with those liberties of the language's
//! Annex B that cannot hide a mistake: braces and brackets that stand for themselves, needless backslashes before
//! punctuation, a hyphen beside a class escape, legacy octal escapes. What only the Annex would let through and every
//! other engine refuses (`\y`, `\k<unknown>`, `\p{Unknown}`) is an error.
//!
//! What it writes is explicit: sets of characters instead of `\d`, `\w`, `\s` and `.`, numbers instead of the names of
//! groups, no nested classes. It is itself ECMA 262, so that every later reader sees the same in it.
//!
//! What the language lacks and `java.util.regex` has, and schemas in the wild use (`(?i)` at the beginning, `\A`, `\z`,
//! `\Z`), is read only on demand ([`Reading::WithJava`]).

use crate::limits::{JSON_DOCUMENT_BYTES_MAX, SCHEMA_DEPTH_MAX};

/// A set without members, and one with all.
const NOTHING: &str = r"[^\u{0}-\u{10ffff}]";
const EVERYTHING: &str = r"[\u{0}-\u{10ffff}]";
const WORD: &str = "0-9A-Z_a-z";
const NOT_WORD: &str = r"\u{0}-/:-@\[-\^`\{-\u{10ffff}";
const DIGIT: &str = "0-9";
const NOT_DIGIT: &str = r"\u{0}-/:-\u{10ffff}";
const SPACE: &str = r"\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";
const NOT_SPACE: &str = r"\u{0}-\u{8}\u{e}-\u{1f}!-\u{9f}\u{a1}-\u{167f}\u{1681}-\u{1fff}\u{200b}-\u{2027}\u{202a}-\u{202e}\u{2030}-\u{205e}\u{2060}-\u{2fff}\u{3001}-\u{fefe}\u{ff00}-\u{10ffff}";
/// No string of a document is longer than this, so a count beyond it is never reached.
const COUNT_MAX: u64 = JSON_DOCUMENT_BYTES_MAX as u64;

/// Whose syntax an expression is read by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Ecma,
    /// And a few things that Java has beyond it.
    WithJava,
}

/// Checks an expression and writes it for the engine.
///
/// # Errors
/// What is wrong with it.
pub(super) fn translate(text: &str, reading: Reading) -> Result<String, String> {
    let letters: Vec<char> = text.chars().collect();
    let (group_count, names) = groups(&letters)?;
    let mut translator = Translator {
        letters,
        at: 0,
        out: String::with_capacity(text.len() + 16),
        group_count,
        names,
        flags: Flags::default(),
        reading,
        closed: Vec::new(),
        opened: 0,
    };
    let has_modifiers = reading == Reading::WithJava && translator.leading_modifiers();
    translator.translate_alternatives(0)?;
    if has_modifiers {
        translator.out.push(')');
    }
    if translator.at < translator.letters.len() {
        return Err("a closing parenthesis has no opening one".to_owned());
    }
    Ok(translator.out)
}

/// Counts the capturing groups and lists their names, because a reference may come before its group.
fn groups(letters: &[char]) -> Result<(usize, Vec<(String, usize)>), String> {
    let mut count = 0;
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut in_class = false;
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        at += 1;
        match letter {
            '\\' => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                if letters.get(at) != Some(&'?') {
                    count += 1;
                } else if letters.get(at + 1) == Some(&'<') && !matches!(letters.get(at + 2), Some('=' | '!')) {
                    count += 1;
                    let name: String = letters[at + 2..].iter().take_while(|letter| **letter != '>').collect();
                    if names.iter().any(|(known, _)| *known == name) {
                        return Err(format!("two groups have the name \"{name}\""));
                    }
                    names.push((name, count));
                }
            }
            _ => {}
        }
    }
    Ok((count, names))
}

/// The modifiers that hold at a place.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    dot_all: bool,
    multi_line: bool,
}

struct Translator {
    letters: Vec<char>,
    at: usize,
    out: String,
    group_count: usize,
    names: Vec<(String, usize)>,
    flags: Flags,
    reading: Reading,
    /// The capturing groups that are complete, and the number of those that were begun.
    closed: Vec<usize>,
    opened: usize,
}

type Step<T = ()> = Result<T, String>;

/// What an escape stands for.
enum Escaped {
    Character(u32),
    /// The inside of a class.
    Set(&'static str),
    /// A property, as the engine writes it.
    Property(String),
}

impl Translator {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += 1;
        letter
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += 1;
        }
        found
    }

    /// Everything up to the end or the closing parenthesis.
    fn translate_alternatives(&mut self, depth: usize) -> Step {
        if depth > SCHEMA_DEPTH_MAX {
            return Err("groups are nested too deep".to_owned());
        }
        while let Some(letter) = self.peek() {
            match letter {
                ')' => return Ok(()),
                '|' => {
                    self.at += 1;
                    self.out.push('|');
                }
                '*' | '+' | '?' => return Err(format!("there is nothing that \"{letter}\" could repeat")),
                '{' if self.count().is_some() => {
                    return Err("there is nothing that a count could repeat".to_owned());
                }
                _ => {
                    let from = self.out.len();
                    let can_repeat = self.translate_term(depth)?;
                    self.translate_quantifier(from, can_repeat)?;
                }
            }
        }
        Ok(())
    }

    /// One term; false for an assertion that nothing may repeat.
    fn translate_term(&mut self, depth: usize) -> Step<bool> {
        match self.next() {
            Some('(') => return self.translate_group(depth),
            Some('[') => self.translate_class()?,
            Some('\\') => return self.translate_escape(),
            Some('.') => self.out.push_str(if self.flags.dot_all { EVERYTHING } else { r"[^\n\r\u{2028}\u{2029}]" }),
            Some('^') => {
                self.out.push_str(if self.flags.multi_line { r"(?:^|(?<=[\n\r\u{2028}\u{2029}]))" } else { "^" });
                return Ok(false);
            }
            Some('$') => {
                self.out.push_str(if self.flags.multi_line { r"(?:$|(?=[\n\r\u{2028}\u{2029}]))" } else { "$" });
                return Ok(false);
            }
            Some(letter) => self.character(u32::from(letter)),
            None => {}
        }
        Ok(true)
    }

    fn character(&mut self, code: u32) {
        match char::from_u32(code) {
            // Half of a surrogate pair is in no string.
            None => self.out.push_str(NOTHING),
            Some(letter) if letter.is_control() => self.out.push_str(&format!("\\u{{{code:x}}}")),
            Some(letter) => {
                if r"\.+*?()|[]{}^$".contains(letter) {
                    self.out.push('\\');
                }
                self.out.push(letter);
            }
        }
    }

    fn translate_group(&mut self, depth: usize) -> Step<bool> {
        let outside = self.flags;
        let mut is_lookbehind = false;
        let mut number = None;
        self.out.push('(');
        if self.eat('?') {
            match self.next() {
                Some(kind @ (':' | '=' | '!')) => {
                    self.out.push('?');
                    self.out.push(kind);
                }
                Some('<') => match self.peek() {
                    Some(kind @ ('=' | '!')) => {
                        self.at += 1;
                        self.out.push_str("?<");
                        self.out.push(kind);
                        is_lookbehind = true;
                    }
                    // Named groups are numbered like all others.
                    _ => {
                        self.group_name()?;
                        number = Some(self.open());
                    }
                },
                Some(_) => {
                    self.at -= 1;
                    self.translate_modifiers()?;
                }
                None => return Err("a group is not closed".to_owned()),
            }
        } else {
            number = Some(self.open());
        }
        self.translate_alternatives(depth + 1)?;
        if !self.eat(')') {
            return Err("a group is not closed".to_owned());
        }
        self.out.push(')');
        self.closed.extend(number);
        self.flags = outside;
        // A lookahead may be repeated, by Annex B; a lookbehind may not.
        Ok(!is_lookbehind)
    }

    fn open(&mut self) -> usize {
        self.opened += 1;
        self.opened
    }

    /// `(?i)` before anything else, which Java and others know: written as a group around the rest.
    fn leading_modifiers(&mut self) -> bool {
        let text: String = self.letters.iter().take_while(|letter| **letter != ')').collect();
        let Some(flags) = text.strip_prefix("(?") else { return false };
        if flags.is_empty() || !flags.chars().all(|flag| "imsu".contains(flag)) || self.letters.len() <= text.len() {
            return false;
        }
        self.at = text.chars().count() + 1;
        self.flags = Flags { dot_all: flags.contains('s'), multi_line: flags.contains('m') };
        self.out.push_str(if flags.contains('i') { "(?i:" } else { "(?:" });
        true
    }

    /// `(?ims-ims:`, of which the engine is told the `i`.
    fn translate_modifiers(&mut self) -> Step {
        let wrong = || "an unknown kind of group begins with \"(?\"".to_owned();
        let mut seen = String::new();
        let mut on = true;
        let mut ignore_case = None;
        loop {
            match self.next() {
                Some(flag @ ('i' | 'm' | 's')) if !seen.contains(flag) => {
                    seen.push(flag);
                    match flag {
                        'i' => ignore_case = Some(on),
                        'm' => self.flags.multi_line = on,
                        _ => self.flags.dot_all = on,
                    }
                }
                Some('-') if on => on = false,
                Some(':') if !seen.is_empty() => break,
                _ => return Err(wrong()),
            }
        }
        self.out.push_str(match ignore_case {
            None => "?:",
            Some(true) => "?i:",
            Some(false) => "?-i:",
        });
        Ok(())
    }

    /// A name up to its `>`: an identifier of the language.
    fn group_name(&mut self) -> Step<String> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some('>') if !name.is_empty() => return Ok(name),
                Some(letter) if letter == '_' || letter == '$' || letter.is_alphabetic() => name.push(letter),
                Some(letter) if !name.is_empty() && (letter.is_alphanumeric() || is_joiner(letter)) => {
                    name.push(letter);
                }
                Some(_) => return Err("the name of a group is not an identifier".to_owned()),
                None => return Err("the name of a group is not closed".to_owned()),
            }
        }
    }

    /// What may follow a term that was written from `from` on.
    fn translate_quantifier(&mut self, from: usize, can_repeat: bool) -> Step {
        let repeat = match self.peek() {
            Some(sign @ ('*' | '+' | '?')) => {
                self.at += 1;
                sign.to_string()
            }
            Some('{') => match self.count() {
                Some((length, least, most)) => {
                    if most.is_some_and(|most| most < least) {
                        return Err("the upper bound of a count is below its lower bound".to_owned());
                    }
                    self.at += length;
                    match most.filter(|most| *most < COUNT_MAX) {
                        _ if least >= COUNT_MAX => {
                            self.out.push_str(NOTHING);
                            String::new()
                        }
                        Some(most) if most == least => format!("{{{least}}}"),
                        Some(most) => format!("{{{least},{most}}}"),
                        None => format!("{{{least},}}"),
                    }
                }
                // A brace that counts nothing stands for itself.
                None => return Ok(()),
            },
            _ => return Ok(()),
        };
        if !can_repeat {
            return Err("an assertion cannot be repeated".to_owned());
        }
        if self.out[from..].starts_with("(?=") || self.out[from..].starts_with("(?!") {
            // Looking ahead once or often is the same; where it need not be done at all, it says nothing.
            if repeat.starts_with(['*', '?']) || repeat.starts_with("{0") {
                self.out.truncate(from);
                self.out.push_str("(?:)");
            }
            self.eat('?');
            return Ok(());
        }
        self.out.push_str(&repeat);
        if self.eat('?') && !repeat.is_empty() {
            self.out.push('?');
        }
        Ok(())
    }

    /// The length and the bounds of a count that begins here.
    fn count(&self) -> Option<(usize, u64, Option<u64>)> {
        let end = self.letters[self.at..].iter().position(|letter| *letter == '}')?;
        let inside: String = self.letters[self.at + 1..self.at + end].iter().collect();
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))
        };
        let (least, most) = match inside.split_once(',') {
            None => (number(&inside)?, Some(number(&inside)?)),
            Some((least, "")) => (number(least)?, None),
            Some((least, most)) => (number(least)?, Some(number(most)?)),
        };
        Some((end + 1, least, most))
    }

    /// An escape outside a class; false for an assertion.
    fn translate_escape(&mut self) -> Step<bool> {
        match self.peek() {
            Some(letter @ ('b' | 'B')) => {
                self.at += 1;
                let (here, there) = if letter == 'b' { ("(?!", "(?=") } else { ("(?=", "(?!") };
                self.out.push_str(&format!("(?:(?<=[{WORD}]){here}[{WORD}])|(?<![{WORD}]){there}[{WORD}]))"));
                return Ok(false);
            }
            Some(letter @ ('A' | 'z' | 'Z')) if self.reading == Reading::WithJava => {
                self.at += 1;
                self.out.push_str(match letter {
                    'A' => "^",
                    'z' => "$",
                    _ => r"(?=(?:\n|\r\n?|[\u{85}\u{2028}\u{2029}])?$)",
                });
                return Ok(false);
            }
            Some('k') => {
                self.at += 1;
                if !self.eat('<') {
                    return Err("\\k is not followed by the name of a group".to_owned());
                }
                let name = self.group_name()?;
                let Some((_, number)) = self.names.iter().find(|(known, _)| *known == name) else {
                    return Err(format!("\\k refers to a group \"{name}\" that does not exist"));
                };
                let number = *number;
                self.back_reference(number);
            }
            Some('1'..='9') => {
                let start = self.at;
                while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
                    self.at += 1;
                }
                let digits: String = self.letters[start..self.at].iter().collect();
                match digits.parse::<usize>() {
                    Ok(number) if number <= self.group_count => self.back_reference(number),
                    _ => return Err(format!("\\{digits} refers to a group that does not exist")),
                }
            }
            _ => match self.class_escape()? {
                Escaped::Character(code) => self.character(code),
                Escaped::Set(inside) => self.out.push_str(&format!("[{inside}]")),
                Escaped::Property(property) => self.out.push_str(&property),
            },
        }
        Ok(true)
    }

    /// A group that is not complete here has matched nothing yet, and nothing is what a reference to it matches.
    fn back_reference(&mut self, number: usize) {
        if self.closed.contains(&number) {
            // No digit can follow: it would have been part of the number.
            self.out.push_str(&format!("\\{number}"));
        } else {
            self.out.push_str("(?:)");
        }
    }

    /// An escape that may stand in a class as well.
    fn class_escape(&mut self) -> Step<Escaped> {
        let Some(letter) = self.next() else { return Err("a backslash ends the expression".to_owned()) };
        Ok(match letter {
            'd' => Escaped::Set(DIGIT),
            'D' => Escaped::Set(NOT_DIGIT),
            'w' => Escaped::Set(WORD),
            'W' => Escaped::Set(NOT_WORD),
            's' => Escaped::Set(SPACE),
            'S' => Escaped::Set(NOT_SPACE),
            'p' | 'P' => Escaped::Property(self.translate_property(letter)?),
            't' => Escaped::Character(9),
            'n' => Escaped::Character(10),
            'v' => Escaped::Character(11),
            'f' => Escaped::Character(12),
            'r' => Escaped::Character(13),
            'c' => match self.next() {
                Some(letter) if letter.is_ascii_alphabetic() => Escaped::Character(u32::from(letter) % 32),
                _ => return Err("\\c is not followed by a letter".to_owned()),
            },
            'x' => Escaped::Character(self.translate_hex(2).ok_or("\\x is not followed by two hexadecimal digits")?),
            'u' => Escaped::Character(self.translate_unicode()?),
            '0' => {
                let mut code = 0;
                while let Some(digit) = self.peek().and_then(|letter| letter.to_digit(8)) {
                    if code * 8 + digit > 0o377 {
                        break;
                    }
                    code = code * 8 + digit;
                    self.at += 1;
                }
                Escaped::Character(code)
            }
            _ if letter.is_alphanumeric() => return Err(format!("\\{letter} is no escape")),
            _ => Escaped::Character(u32::from(letter)),
        })
    }

    fn translate_hex(&mut self, count: usize) -> Option<u32> {
        let mut code = 0;
        for _ in 0..count {
            code = code * 16 + self.next()?.to_digit(16)?;
        }
        Some(code)
    }

    /// `\uXXXX`, a surrogate pair of two of them, or `\u{X…}`.
    fn translate_unicode(&mut self) -> Step<u32> {
        if self.eat('{') {
            let wrong = || "\\u{…} is not a code point".to_owned();
            let mut code: u32 = 0;
            let mut count = 0;
            while let Some(digit) = self.peek().and_then(|letter| letter.to_digit(16)) {
                code = code.checked_mul(16).and_then(|code| code.checked_add(digit)).ok_or_else(wrong)?;
                count += 1;
                self.at += 1;
            }
            return if self.eat('}') && count > 0 && code <= 0x10_ffff { Ok(code) } else { Err(wrong()) };
        }
        let high = self.translate_hex(4).ok_or("\\u is not followed by four hexadecimal digits")?;
        if (0xd800..0xdc00).contains(&high) && self.letters.get(self.at..self.at + 2) == Some(&['\\', 'u']) {
            let back = self.at;
            self.at += 2;
            match self.translate_hex(4) {
                Some(low) if (0xdc00..0xe000).contains(&low) => {
                    return Ok(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                }
                _ => self.at = back,
            }
        }
        Ok(high)
    }

    /// `\p{…}` with a name that the language knows.
    fn translate_property(&mut self, letter: char) -> Step<String> {
        if !self.eat('{') {
            return Err(format!("\\{letter} is not followed by a property in braces"));
        }
        let mut name = String::new();
        loop {
            match self.next() {
                Some('}') => break,
                Some(next) => name.push(next),
                None => return Err("a property is not closed".to_owned()),
            }
        }
        let unknown = || format!("the property \"{name}\" is unknown");
        let written = match name.split_once('=') {
            Some(("General_Category" | "gc", value)) => format!("gc={value}"),
            Some(("Script" | "sc", value)) => format!("sc={value}"),
            Some(("Script_Extensions" | "scx", value)) => format!("scx={value}"),
            Some(_) => return Err(unknown()),
            None if BINARY_PROPERTIES.contains(&name.as_str()) => name.clone(),
            None => format!("gc={name}"),
        };
        let known =
            super::java_regex::is_category(&name) || fancy_regex::Regex::new(&format!("\\p{{{written}}}")).is_ok();
        if known { Ok(format!("\\{letter}{{{written}}}")) } else { Err(unknown()) }
    }

    /// A class after its opening bracket. Nothing nests in it, and `&&` and `--` are characters.
    fn translate_class(&mut self) -> Step {
        let unclosed = || "a character class is not closed".to_owned();
        let negated = self.eat('^');
        let mut inside = String::new();
        // A property is written negated only where it stands alone in the engine's syntax, which a class allows too.
        loop {
            let letter = self.next().ok_or_else(unclosed)?;
            if letter == ']' {
                break;
            }
            let first = self.class_atom(letter)?;
            let is_range = self.peek() == Some('-') && !matches!(self.letters.get(self.at + 1), None | Some(']'));
            if !is_range {
                write_atom(&first, &mut inside);
                continue;
            }
            self.at += 1;
            let letter = self.next().ok_or_else(unclosed)?;
            let last = self.class_atom(letter)?;
            match (&first, &last) {
                (Escaped::Character(low), Escaped::Character(high)) if low <= high => {
                    write_range(*low, *high, &mut inside)
                }
                (Escaped::Character(_), Escaped::Character(_)) => {
                    return Err("a range of characters ends before it begins".to_owned());
                }
                // Beside a set the hyphen stands for itself.
                (_, _) => {
                    write_atom(&first, &mut inside);
                    inside.push_str("\\-");
                    write_atom(&last, &mut inside);
                }
            }
        }
        match (inside.is_empty(), negated) {
            (true, false) => self.out.push_str(NOTHING),
            (true, true) => self.out.push_str(EVERYTHING),
            (false, false) => self.out.push_str(&format!("[{inside}]")),
            (false, true) => self.out.push_str(&format!("[^{inside}]")),
        }
        Ok(())
    }

    fn class_atom(&mut self, letter: char) -> Step<Escaped> {
        if letter != '\\' {
            return Ok(Escaped::Character(u32::from(letter)));
        }
        match self.peek() {
            Some('b') => {
                self.at += 1;
                Ok(Escaped::Character(8))
            }
            _ => self.class_escape(),
        }
    }
}

fn is_joiner(letter: char) -> bool {
    matches!(letter, '_' | '$' | '\u{200c}' | '\u{200d}')
}

fn write_atom(atom: &Escaped, inside: &mut String) {
    match atom {
        Escaped::Character(code) => write_range(*code, *code, inside),
        Escaped::Set(set) => inside.push_str(set),
        Escaped::Property(property) => inside.push_str(property),
    }
}

/// A range without the halves of surrogate pairs, which are in no string.
fn write_range(low: u32, high: u32, inside: &mut String) {
    for (low, high) in [(low, high.min(0xd7ff)), (low.max(0xe000), high)] {
        if low > high {
            continue;
        }
        write_character(low, inside);
        if low < high {
            inside.push('-');
            write_character(high, inside);
        }
    }
}

fn write_character(code: u32, inside: &mut String) {
    match char::from_u32(code) {
        Some(letter) if letter.is_alphanumeric() || letter == '_' => inside.push(letter),
        _ => inside.push_str(&format!("\\u{{{code:x}}}")),
    }
}

/// The binary properties of the language, with their aliases.
const BINARY_PROPERTIES: &[&str] = &[
    "ASCII",
    "ASCII_Hex_Digit",
    "AHex",
    "Alphabetic",
    "Alpha",
    "Any",
    "Assigned",
    "Bidi_Control",
    "Bidi_C",
    "Bidi_Mirrored",
    "Bidi_M",
    "Case_Ignorable",
    "CI",
    "Cased",
    "Changes_When_Casefolded",
    "CWCF",
    "Changes_When_Casemapped",
    "CWCM",
    "Changes_When_Lowercased",
    "CWL",
    "Changes_When_NFKC_Casefolded",
    "CWKCF",
    "Changes_When_Titlecased",
    "CWT",
    "Changes_When_Uppercased",
    "CWU",
    "Dash",
    "Default_Ignorable_Code_Point",
    "DI",
    "Deprecated",
    "Dep",
    "Diacritic",
    "Dia",
    "Emoji",
    "Emoji_Component",
    "EComp",
    "Emoji_Modifier",
    "EMod",
    "Emoji_Modifier_Base",
    "EBase",
    "Emoji_Presentation",
    "EPres",
    "Extended_Pictographic",
    "ExtPict",
    "Extender",
    "Ext",
    "Grapheme_Base",
    "Gr_Base",
    "Grapheme_Extend",
    "Gr_Ext",
    "Hex_Digit",
    "Hex",
    "IDS_Binary_Operator",
    "IDSB",
    "IDS_Trinary_Operator",
    "IDST",
    "ID_Continue",
    "IDC",
    "ID_Start",
    "IDS",
    "Ideographic",
    "Ideo",
    "Join_Control",
    "Join_C",
    "Logical_Order_Exception",
    "LOE",
    "Lowercase",
    "Lower",
    "Math",
    "Noncharacter_Code_Point",
    "NChar",
    "Pattern_Syntax",
    "Pat_Syn",
    "Pattern_White_Space",
    "Pat_WS",
    "Quotation_Mark",
    "QMark",
    "Radical",
    "Regional_Indicator",
    "RI",
    "Sentence_Terminal",
    "STerm",
    "Soft_Dotted",
    "SD",
    "Terminal_Punctuation",
    "Term",
    "Unified_Ideograph",
    "UIdeo",
    "Uppercase",
    "Upper",
    "Variation_Selector",
    "VS",
    "White_Space",
    "space",
    "XID_Continue",
    "XIDC",
    "XID_Start",
    "XIDS",
];

#[cfg(test)]
mod tests;
