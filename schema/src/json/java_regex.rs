//! The syntax of `java.util.regex`: one pass checks an expression and writes the same for fancy-regex.
//!
//! A few things Java knows and the engine does not (`\G`, `\X`, `\N{…}`, `\p{java…}`, blocks): they are valid here, and the
//! caller is told that there is no translation. Nothing is compiled but the names of rare Unicode properties.

use crate::limits::SCHEMA_DEPTH_MAX;

/// Reads an expression by Java's rules and writes it for the engine.
pub(super) struct Translator {
    letters: Vec<char>,
    at: usize,
    out: String,
    /// Something was read that the engine has no words for.
    unsupported: bool,
    names: Vec<String>,
}

pub(super) type Step<T = ()> = Result<T, String>;

impl Translator {
    /// The expression for the engine, or `None` where it has no words for something.
    pub(super) fn run(text: &str) -> Step<Option<String>> {
        let mut translator = Self {
            letters: text.chars().collect(),
            at: 0,
            out: String::with_capacity(text.len() + 16),
            unsupported: false,
            names: Vec::new(),
        };
        translator.translate_alternatives(0)?;
        if translator.at < translator.letters.len() {
            return Err("Unmatched closing ')'".to_owned());
        }
        Ok((!translator.unsupported).then_some(translator.out))
    }

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
                '*' | '+' | '?' => return Err(format!("Dangling meta character '{letter}'")),
                '{' => {
                    // A count with nothing before it repeats nothing.
                    let length = self.out.len();
                    self.translate_quantifier()?;
                    self.out.truncate(length);
                }
                _ => {
                    let can_repeat = self.translate_atom(depth)?;
                    if can_repeat {
                        self.translate_quantifier()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// One atom; false if nothing may be repeated after it (a quotation that was empty, a flag).
    fn translate_atom(&mut self, depth: usize) -> Step<bool> {
        match self.next() {
            Some('(') => return self.translate_group(depth),
            Some('[') => self.translate_class(depth)?,
            Some('\\') => return self.translate_escape(),
            Some('.') => self.out.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
            Some(letter @ ('^' | '$')) => self.out.push(letter),
            Some(letter) => self.translate_literal(letter),
            None => {}
        }
        Ok(true)
    }

    fn translate_literal(&mut self, letter: char) {
        if letter.is_ascii() && !letter.is_ascii_alphanumeric() && letter != '_' {
            if matches!(letter, '<' | '>') {
                // With a backslash these are borders of words to the engine.
                self.out.push(letter);
            } else if letter.is_ascii_graphic() {
                self.out.push('\\');
                self.out.push(letter);
            } else {
                self.translate_code(u32::from(letter));
            }
        } else {
            self.out.push(letter);
        }
    }

    fn translate_code(&mut self, code: u32) {
        if (0xd800..0xe000).contains(&code) {
            self.unsupported = true;
        }
        self.out.push_str(&format!("\\x{{{code:x}}}"));
    }

    fn translate_group(&mut self, depth: usize) -> Step<bool> {
        self.out.push('(');
        if self.eat('?') {
            self.out.push('?');
            match self.next() {
                Some(kind @ (':' | '=' | '!' | '>')) => self.out.push(kind),
                Some('<') => match self.peek() {
                    Some(kind @ ('=' | '!')) => {
                        self.at += 1;
                        self.out.push('<');
                        self.out.push(kind);
                    }
                    _ => {
                        let name = self.group_name()?;
                        if self.names.contains(&name) {
                            return Err(format!("Named capturing group <{name}> is already defined"));
                        }
                        self.out.push_str(&format!("<{name}>"));
                        self.names.push(name);
                    }
                },
                Some(_) => {
                    self.at -= 1;
                    if self.translate_flags()? {
                        return Ok(false);
                    }
                }
                None => return Err("Unknown group type".to_owned()),
            }
        }
        self.translate_alternatives(depth + 1)?;
        if !self.eat(')') {
            return Err("Unclosed group".to_owned());
        }
        self.out.push(')');
        Ok(true)
    }

    fn group_name(&mut self) -> Step<String> {
        let mut name = String::new();
        while let Some(letter) = self.peek() {
            if !letter.is_ascii_alphanumeric() {
                break;
            }
            name.push(letter);
            self.at += 1;
        }
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err("capturing group name does not start with a Latin letter".to_owned());
        }
        if !self.eat('>') {
            return Err("named capturing group is missing trailing '>'".to_owned());
        }
        Ok(name)
    }

    /// Inline flags. True if they stand alone, `(?i)`; false if a group follows, `(?i:…)`.
    fn translate_flags(&mut self) -> Step<bool> {
        let mut negated = false;
        loop {
            match self.next() {
                Some('-') if !negated => {
                    negated = true;
                    self.out.push('-');
                }
                Some(flag @ ('i' | 'm' | 's' | 'x')) => self.out.push(flag),
                // Unix lines, Unicode case and Unicode classes change details that the engine has no switch for.
                Some('d' | 'u' | 'U') => {}
                Some(')') => {
                    self.close_flags("(?:)", ")");
                    return Ok(true);
                }
                Some(':') => {
                    self.close_flags("(?:", ":");
                    return Ok(false);
                }
                Some(_) => return Err("Unknown inline modifier".to_owned()),
                None => return Err("Unknown inline modifier".to_owned()),
            }
        }
    }

    /// Writes the end of the flags; flags of which nothing is left become a plain group.
    fn close_flags(&mut self, empty: &str, end: &str) {
        for nothing in ["(?-", "(?"] {
            if self.out.ends_with(nothing) {
                self.out.truncate(self.out.len() - nothing.len());
                self.out.push_str(empty);
                return;
            }
        }
        self.out.push_str(end);
    }

    fn translate_quantifier(&mut self) -> Step {
        match self.peek() {
            Some(sign @ ('*' | '+' | '?')) => {
                self.at += 1;
                self.out.push(sign);
            }
            Some('{') => self.counted()?,
            _ => return Ok(()),
        }
        if let Some(mode @ ('?' | '+')) = self.peek() {
            self.at += 1;
            self.out.push(mode);
        }
        Ok(())
    }

    fn counted(&mut self) -> Step {
        self.at += 1;
        let least = self.count()?.ok_or("Illegal repetition")?;
        let mut most = Some(least);
        if self.eat(',') {
            most = self.count()?;
        }
        if !self.eat('}') {
            return Err("Unclosed counted closure".to_owned());
        }
        match most {
            Some(most) if most < least => return Err("Illegal repetition range".to_owned()),
            Some(most) if most == least => self.out.push_str(&format!("{{{least}}}")),
            Some(most) => self.out.push_str(&format!("{{{least},{most}}}")),
            None => self.out.push_str(&format!("{{{least},}}")),
        }
        Ok(())
    }

    fn count(&mut self) -> Step<Option<u32>> {
        let mut count: Option<u32> = None;
        while let Some(digit) = self.peek().and_then(|letter| letter.to_digit(10)) {
            self.at += 1;
            let longer = count.unwrap_or(0).checked_mul(10).and_then(|tens| tens.checked_add(digit));
            let longer = longer.filter(|count| *count <= i32::MAX.unsigned_abs());
            count = Some(longer.ok_or("Illegal repetition range")?);
        }
        Ok(count)
    }

    /// An escape outside a class.
    fn translate_escape(&mut self) -> Step<bool> {
        match self.peek() {
            Some('Q') => {
                self.at += 1;
                return Ok(self.translate_quotation());
            }
            Some(letter @ '1'..='9') => {
                self.at += 1;
                self.out.push('\\');
                self.out.push(letter);
            }
            Some('k') => {
                self.at += 1;
                if !self.eat('<') {
                    return Err("\\k is not followed by '<' for named capturing group".to_owned());
                }
                let name = self.group_name()?;
                if !self.names.contains(&name) {
                    return Err(format!("named capturing group <{name}> does not exist"));
                }
                self.out.push_str(&format!("\\k<{name}>"));
            }
            Some('b') => {
                self.at += 1;
                if self.letters[self.at.min(self.letters.len())..].starts_with(&['{', 'g']) {
                    self.at += 2;
                    if !self.eat('}') {
                        return Err("Illegal/unsupported escape sequence".to_owned());
                    }
                    self.unsupported = true;
                }
                self.out.push_str("\\b");
            }
            Some(letter @ ('B' | 'A' | 'z')) => {
                self.at += 1;
                self.out.push('\\');
                self.out.push(letter);
            }
            Some('Z') => {
                self.at += 1;
                self.out.push_str(r"(?=\n?\z)");
            }
            Some('R') => {
                self.at += 1;
                self.out.push_str(r"(?:\r\n|[\n\x0b\f\r\x{85}\x{2028}\x{2029}])");
            }
            Some('G' | 'X') => {
                self.at += 1;
                self.unsupported = true;
            }
            _ => {
                self.class_escape()?;
            }
        }
        Ok(true)
    }

    /// `\Q…\E`. False if it quoted nothing, so that nothing may be repeated.
    fn translate_quotation(&mut self) -> bool {
        let from = self.out.len();
        while let Some(letter) = self.next() {
            if letter == '\\' && self.eat('E') {
                break;
            }
            self.translate_literal(letter);
        }
        self.out.len() > from
    }

    /// An escape that may stand in a class as well: a set of characters or one. The character, if it is one.
    fn class_escape(&mut self) -> Step<Option<char>> {
        let unsupported = || "Illegal/unsupported escape sequence".to_owned();
        let Some(letter) = self.next() else { return Err("Unexpected internal error: trailing backslash".to_owned()) };
        let set = match letter {
            'd' => "[0-9]",
            'D' => "[^0-9]",
            'w' => "[A-Za-z0-9_]",
            'W' => "[^A-Za-z0-9_]",
            's' => r"[ \t\n\x0b\f\r]",
            'S' => r"[^ \t\n\x0b\f\r]",
            'h' => r"[ \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]",
            'H' => r"[^ \t\x{a0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}]",
            'v' => r"[\n\x0b\f\r\x{85}\x{2028}\x{2029}]",
            'V' => r"[^\n\x0b\f\r\x{85}\x{2028}\x{2029}]",
            'p' | 'P' => {
                self.translate_property(letter == 'P')?;
                return Ok(None);
            }
            _ => "",
        };
        if !set.is_empty() {
            self.out.push_str(set);
            return Ok(None);
        }
        let code = match letter {
            't' => 9,
            'n' => 10,
            'r' => 13,
            'f' => 12,
            'a' => 7,
            'e' => 27,
            'c' => u32::from(self.next().ok_or("Illegal control escape sequence")?) ^ 64,
            '0' => self.translate_octal()?,
            'x' => self.translate_hexadecimal()?,
            'u' => self.translate_unicode()?,
            'N' => {
                if !self.eat('{') {
                    return Err("Illegal character name escape sequence".to_owned());
                }
                while self.next().ok_or("Unclosed character name escape sequence")? != '}' {}
                self.unsupported = true;
                return Ok(None);
            }
            _ if letter.is_ascii_alphanumeric() => return Err(unsupported()),
            _ => {
                self.translate_literal(letter);
                return Ok(Some(letter));
            }
        };
        self.translate_code(code);
        Ok(Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)))
    }

    fn translate_octal(&mut self) -> Step<u32> {
        let mut code = 0;
        let mut count = 0;
        while let Some(digit) = self.peek().and_then(|letter| letter.to_digit(8)) {
            if count == 3 || code * 8 + digit > 0o377 {
                break;
            }
            code = code * 8 + digit;
            count += 1;
            self.at += 1;
        }
        if count == 0 { Err("Illegal octal escape sequence".to_owned()) } else { Ok(code) }
    }

    fn translate_hexadecimal(&mut self) -> Step<u32> {
        let wrong = || "Illegal hexadecimal escape sequence".to_owned();
        if self.eat('{') {
            let mut code: u32 = 0;
            let mut count = 0;
            while let Some(digit) = self.peek().and_then(|letter| letter.to_digit(16)) {
                code = code.checked_mul(16).and_then(|code| code.checked_add(digit)).ok_or_else(wrong)?;
                count += 1;
                self.at += 1;
            }
            return if self.eat('}') && count > 0 && code <= 0x10_ffff { Ok(code) } else { Err(wrong()) };
        }
        self.fixed_hex(2).ok_or_else(wrong)
    }

    fn fixed_hex(&mut self, count: usize) -> Option<u32> {
        let mut code = 0;
        for _ in 0..count {
            code = code * 16 + self.next()?.to_digit(16)?;
        }
        Some(code)
    }

    fn translate_unicode(&mut self) -> Step<u32> {
        let wrong = "Illegal Unicode escape sequence";
        let high = self.fixed_hex(4).ok_or(wrong)?;
        if (0xd800..0xdc00).contains(&high) && self.peek() == Some('\\') && self.letters.get(self.at + 1) == Some(&'u')
        {
            let back = self.at;
            self.at += 2;
            match self.fixed_hex(4) {
                Some(low) if (0xdc00..0xe000).contains(&low) => {
                    return Ok(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                }
                _ => self.at = back,
            }
        }
        Ok(high)
    }

    /// `\p{…}`. Java's own names are translated where they are common, and let through where they are rare.
    fn translate_property(&mut self, negated: bool) -> Step {
        let mut name = String::new();
        if self.eat('{') {
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(letter) => name.push(letter),
                    None => return Err("Unclosed character family".to_owned()),
                }
            }
            if name.is_empty() {
                return Err("Empty character family".to_owned());
            }
        } else {
            name.push(self.next().ok_or("Illegal/unsupported escape sequence")?);
        }
        let set = match name.as_str() {
            "Lower" => "a-z",
            "Upper" => "A-Z",
            "ASCII" => r"\x00-\x7f",
            "Alpha" => "A-Za-z",
            "Digit" => "0-9",
            "Alnum" => "A-Za-z0-9",
            "Punct" => r"!-/:-@\[-`{-~",
            "Graph" => "!-~",
            "Print" => " -~",
            "Blank" => r" \t",
            "Cntrl" => r"\x00-\x1f\x7f",
            "XDigit" => "0-9A-Fa-f",
            "Space" => r" \t\n\x0b\f\r",
            _ => "",
        };
        if !set.is_empty() {
            self.out.push_str(if negated { "[^" } else { "[" });
            self.out.push_str(set);
            self.out.push(']');
            return Ok(());
        }
        if is_category(&name) {
            self.out.push_str(if negated { "\\P{" } else { "\\p{" });
            self.out.push_str(&name);
            self.out.push('}');
            return Ok(());
        }
        let known = name.strip_prefix("Is").or_else(|| name.strip_prefix("script=")).unwrap_or(&name);
        let known = known.strip_prefix("sc=").or_else(|| known.strip_prefix("gc=")).unwrap_or(known);
        let known = known.strip_prefix("general_category=").unwrap_or(known);
        let translated = format!("\\{}{{{known}}}", if negated { 'P' } else { 'p' });
        if fancy_regex::Regex::new(&translated).is_ok() {
            self.out.push_str(&translated);
            return Ok(());
        }
        let lower = name.to_ascii_lowercase();
        let is_java =
            name.starts_with("java") || name.starts_with("In") || matches!(name.as_str(), "L1" | "all" | "LC");
        let is_block = ["block=", "blk="].iter().any(|prefix| lower.starts_with(prefix));
        if is_java || is_block {
            self.unsupported = true;
            return Ok(());
        }
        Err(format!("Unknown character property name {{{name}}}"))
    }

    /// A character class after its opening bracket: union, ranges, nested classes, intersections.
    fn translate_class(&mut self, depth: usize) -> Step {
        if depth > SCHEMA_DEPTH_MAX {
            return Err("classes are nested too deep".to_owned());
        }
        let unclosed = || "Unclosed character class".to_owned();
        self.out.push('[');
        if self.eat('^') {
            self.out.push('^');
        }
        let mut has_member = false;
        loop {
            match self.next().ok_or_else(unclosed)? {
                ']' if has_member => break,
                '[' => {
                    self.translate_class(depth + 1)?;
                    has_member = true;
                }
                '&' if self.peek() == Some('&') => {
                    while self.eat('&') {}
                    self.out.push_str("&&");
                    // What follows is the right side; one that is empty or missing leaves the left side as it is.
                    match self.peek() {
                        None => return Err(unclosed()),
                        Some(']') if has_member => {
                            self.out.truncate(self.out.len() - 2);
                        }
                        Some(']') => return Err("Bad class syntax".to_owned()),
                        Some(_) if !has_member => {
                            self.out.truncate(self.out.len() - 2);
                        }
                        Some(_) => {}
                    }
                }
                letter => {
                    self.range(letter)?;
                    has_member = true;
                }
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// One member of a class that begins with `letter`: a character, a set, or a range.
    fn range(&mut self, letter: char) -> Step {
        let Some(first) = self.class_character(letter)? else { return Ok(()) };
        if self.peek() != Some('-') {
            return Ok(());
        }
        match self.letters.get(self.at + 1).copied() {
            None => Err("Illegal character range".to_owned()),
            // A hyphen before the end or before a nested class is itself.
            Some(']' | '[') => Ok(()),
            Some(next) => {
                self.at += 2;
                self.out.push('-');
                match self.class_character(next)? {
                    Some(last) if last >= first => Ok(()),
                    _ => Err("Illegal character range".to_owned()),
                }
            }
        }
    }

    /// A character of a class; `None` for a set or a quotation.
    fn class_character(&mut self, letter: char) -> Step<Option<char>> {
        if letter != '\\' {
            self.translate_literal(letter);
            return Ok(Some(letter));
        }
        if self.eat('Q') {
            self.translate_quotation();
            return Ok(None);
        }
        self.class_escape()
    }
}

/// The general categories; scripts and the rest are left to the engine to know.
pub(super) fn is_category(name: &str) -> bool {
    const CATEGORIES: [&str; 36] = [
        "C", "Cc", "Cf", "Cn", "Co", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No",
        "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs",
    ];
    CATEGORIES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), String> {
        Translator::run(text).map(|_| ())
    }

    #[test]
    fn javas_syntax_decides() {
        let valid = [
            "",
            "a|b",
            "|",
            "()",
            "(?<=a)b",
            "(?<x>a)\\k<x>",
            "a++",
            "a{2,3}?",
            "[a-z&&[^b]]",
            "[]a]",
            "\\Qa{\\E",
            "}",
            "]",
            "[a-]",
            "\\p{Alpha}",
            "\\p{L}",
            "\\pL",
            "(?i)a",
            "(?i:a)",
            "\\x{1F600}",
            "\\u00e9",
            "^*",
            "\\d+",
            "[\\w-]",
            "(?>a)",
            "\\1",
            "\\-",
            "[\\d-x]",
            "\\p{javaLowerCase}",
            "\\p{InGreek}",
            "\\p{IsAlphabetic}",
            "(?-i)a",
        ];
        for text in valid {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        let invalid = [
            "[",
            "(",
            ")",
            "*a",
            "a**",
            "{",
            "a{",
            "a{x}",
            "a{2,1}",
            "a{,3}",
            "[z-a]",
            "\\y",
            "\\",
            "(?z)",
            "(?<1>a)",
            "\\k<n>",
            "\\p{Nope}",
            "[]",
            "\\x1",
            "\\u12",
            "(?<a>x)(?<a>y)",
            "a{2",
            "[a-\\d]",
        ];
        for text in invalid {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
