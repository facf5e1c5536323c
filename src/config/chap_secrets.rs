//! `chap-secrets` as pppd has it (pppd(8), AUTHENTICATION): client, server, secret and addresses in a
//! line, words quoted as pppd quotes them. What pppd would do and PNS does not is refused by its line,
//! not passed over.

use std::net::Ipv4Addr;

use zeroize::Zeroizing;

use super::address::host_address;
use super::error::{Fault, Report};
use super::users::{PASSWORD_LENGTH_MAX, User, nt_hash, user_name};
use crate::aaa::{CallPolicy, Standing};
use crate::auth::{NtHash, Secret};
use crate::ppp::link::MppeChange;

/// What stands before the digits of an NT hash in place of a secret.
const NT_HASH_MARK: &str = "$NT$";

/// A word, and where it begins.
struct Word {
    text: Zeroizing<String>,
    offset: usize,
    quoted: bool,
}

/// One entry of the file.
struct Entry {
    client: Word,
    server: Word,
    secret: Word,
    addresses: Vec<Word>,
}

/// The users whom a server called `server` lets in, each with the key of its line for messages. Errors
/// go to `report`, which stands for the file.
pub(super) fn read(report: &mut Report<'_>, text: &str, server: &str) -> Vec<(String, User)> {
    let mut users = Vec::new();
    for (index, words) in entries(text, report).into_iter().enumerate() {
        let key = format!("secret[{index}]");
        let mut words = words.into_iter();
        let Some(client) = words.next() else { continue };
        report.note_place(&key, client.offset);
        let (Some(server_word), Some(secret)) = (words.next(), words.next()) else {
            let cure = "write: client server secret addresses";
            report.error(&key, Fault::new("has fewer than three words", cure));
            continue;
        };
        let entry = Entry {
            client,
            server: server_word,
            secret,
            addresses: words
                .take_while(|word| word.quoted || &*word.text != "--")
                .collect(),
        };
        let of_us = |word: &Word| *word.text == server || (!word.quoted && &*word.text == "*");
        if !of_us(&entry.server) {
            continue;
        }
        match user(&entry, report) {
            Ok(user) => users.push((key, user)),
            Err((offset, fault)) => report.error_at(offset, &key, fault),
        }
    }
    users
}

fn user(entry: &Entry, report: &mut Report<'_>) -> Result<User, (usize, Fault)> {
    let client = &entry.client;
    if !client.quoted && &*client.text == "*" {
        let fault = Fault::new(
            "lets everybody in who knows one secret",
            "write a line for each user: PNS tells users apart by their names",
        );
        return Err((client.offset, fault));
    }
    let name = user_name(&client.text).map_err(|fault| (client.offset, fault))?;
    let (nt_hash, password) = secret(&entry.secret).map_err(|it| (entry.secret.offset, it))?;
    let (address, standing) = address(&entry.addresses, report)?;
    Ok(User {
        name,
        nt_hash,
        password,
        standing,
        address,
        pool: None,
        group: None,
        mppe: MppeChange::NONE,
        routes: Vec::new(),
        sessions_max: None,
        expires_s: None,
        policy: CallPolicy::default(),
    })
}

fn secret(word: &Word) -> Result<(NtHash, Option<Secret>), Fault> {
    let text = &*word.text;
    if let Some(digits) = text.strip_prefix(NT_HASH_MARK) {
        return Ok((nt_hash(digits)?, None));
    }
    if !word.quoted && text.starts_with('@') {
        let cure = "write the secret itself here, in quotes if it begins with @";
        return Err(Fault::new("names a file with the secret", cure));
    }
    let length = text.chars().count();
    if length == 0 || length > PASSWORD_LENGTH_MAX {
        let cure = format!("write 1 to {PASSWORD_LENGTH_MAX} characters");
        return Err(Fault::new(
            format!("is a secret of {length} characters"),
            cure,
        ));
    }
    let hash = NtHash::from_password(text);
    Ok((hash, Some(Secret::from(text.to_owned()))))
}

/// The address that the user gets: of several, pppd takes the first.
fn address(
    words: &[Word],
    report: &mut Report<'_>,
) -> Result<(Option<Ipv4Addr>, Standing), (usize, Fault)> {
    let Some(first) = words.first() else {
        return Ok((None, Standing::Good));
    };
    match first.text.as_str() {
        "*" => Ok((None, Standing::Good)),
        // pppd lets such a client have no address, and so no network.
        "-" => Ok((None, Standing::Disabled)),
        text => {
            if let Some(second) = words.get(1) {
                let fault = Fault::new("is another address", "a user has one: the first is taken");
                report.warn_at(second.offset, "address", fault);
            }
            let address = host_address(text).map_err(|fault| (first.offset, fault))?;
            Ok((Some(address), Standing::Good))
        }
    }
}

/// The words of each line that has any.
fn entries(text: &str, report: &mut Report<'_>) -> Vec<Vec<Word>> {
    let mut reader = Reader {
        rest: text,
        length: text.len(),
    };
    let (mut entries, mut words) = (Vec::new(), Vec::new());
    loop {
        match reader.token() {
            Ok(Token::Word(word)) => words.push(word),
            Ok(Token::LineEnd) if words.is_empty() => {}
            Ok(Token::LineEnd) => entries.push(std::mem::take(&mut words)),
            Ok(Token::End) => break,
            Err(offset) => {
                let cure = "write the closing quote; a quote inside of a word needs \\ before it";
                report.error_at(
                    offset,
                    "",
                    Fault::new("opens a quote that does not close", cure),
                );
                return Vec::new();
            }
        }
    }
    if !words.is_empty() {
        entries.push(words);
    }
    entries
}

enum Token {
    Word(Word),
    LineEnd,
    End,
}

struct Reader<'t> {
    rest: &'t str,
    length: usize,
}

impl Reader<'_> {
    fn offset(&self) -> usize {
        self.length - self.rest.len()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        Some(character)
    }

    /// The next word, or the end of a line; where a quote begins that does not end.
    fn token(&mut self) -> Result<Token, usize> {
        loop {
            let before = self.offset();
            let rest = self.rest;
            match self.next() {
                None => return Ok(Token::End),
                Some('\n') => return Ok(Token::LineEnd),
                Some('#') => self.skip_line(),
                Some('\\') if self.rest.starts_with('\n') => drop(self.next()),
                Some(space) if space.is_ascii_whitespace() => {}
                Some(quote @ ('"' | '\'')) => return self.quoted(quote, before).map(Token::Word),
                Some(_) => {
                    self.rest = rest;
                    return Ok(Token::Word(self.plain(before)));
                }
            }
        }
    }

    /// A comment, up to the line's end.
    fn skip_line(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.rest = self.rest.get(end..).unwrap_or_default();
    }

    fn plain(&mut self, offset: usize) -> Word {
        let mut text = Zeroizing::new(String::with_capacity(64));
        while let Some(character) = self.rest.chars().next() {
            if character.is_ascii_whitespace() {
                break;
            }
            self.next();
            if character == '\\' {
                text.extend(self.escaped());
            } else {
                text.push(character);
            }
        }
        Word {
            text,
            offset,
            quoted: false,
        }
    }

    fn quoted(&mut self, quote: char, offset: usize) -> Result<Word, usize> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        loop {
            match self.next().ok_or(offset)? {
                '\\' => text.extend(self.escaped()),
                character if character == quote => break,
                character => text.push(character),
            }
        }
        Ok(Word {
            text,
            offset,
            quoted: true,
        })
    }

    /// What a backslash and what follows it stand for; nothing for the end of a line.
    fn escaped(&mut self) -> Option<char> {
        let character = self.next()?;
        Some(match character {
            '\n' => return None,
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            's' => ' ',
            't' => '\t',
            'v' => '\u{b}',
            'x' => return self.number(String::new(), 16, 2),
            '0'..='7' => return self.number(character.to_string(), 8, 3),
            other => other,
        })
    }

    fn number(&mut self, mut digits: String, radix: u32, most: usize) -> Option<char> {
        while digits.len() < most
            && let Some(digit) = self.rest.chars().next().filter(|it| it.is_digit(radix))
        {
            self.next();
            digits.push(digit);
        }
        char::from_u32(u32::from_str_radix(&digits, radix).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<User>, Vec<String>) {
        let mut report = Report::new("chap-secrets", text);
        let users = read(&mut report, text, "vpn1");
        let errors = report.finish().errors;
        let errors = errors.into_iter().map(|error| error.to_string()).collect();
        (users.into_iter().map(|(_, user)| user).collect(), errors)
    }

    /// Each line, and whose password it means.
    #[test]
    fn words_are_read_as_pppd_reads_them() {
        for (line, name, password) in [
            ("alice * wonderland-7 *", "alice", "wonderland-7"),
            ("alice\tvpn1 wonderland-7", "alice", "wonderland-7"),
            ("\"al ice\" * 'won\"der' *", "al ice", "won\"der"),
            ("WORK\\\\alice * a\\sb *", "WORK\\alice", "a b"),
            (
                "'WORK\\\\alice' * \"\\\"\\101\\x42\" # hers",
                "WORK\\alice",
                "\"AB",
            ),
            ("alice * wonder\\\nland *", "alice", "wonderland"),
            ("alice * \\\n secret", "alice", "secret"),
            ("# nobody\n\n  alice * a#b", "alice", "a#b"),
            ("zoë * pässword", "zoë", "pässword"),
            ("alice * \"@home\"", "alice", "@home"),
        ] {
            let (users, errors) = read_text(line);
            assert!(errors.is_empty() && users.len() == 1, "{line}: {errors:?}");
            assert_eq!(users[0].name, name, "{line}");
            let found = users[0].password.as_ref().unwrap().expose();
            assert_eq!(String::from_utf8_lossy(found), password, "{line}");
            assert!(users[0].nt_hash.matches(&NtHash::from_password(password)));
        }
    }

    #[test]
    fn servers_addresses_and_hashes() {
        let text = "a * pw1 10.77.0.9\nb other pw2\nc vpn1 $NT$44ebba8d5312b8d611474411f56989ae -\n\
                    d * pw4 10.77.0.1 10.77.0.2\ne * pw5 -- extra words\n";
        let (users, errors) = read_text(text);
        assert!(errors.is_empty(), "{errors:?}");
        let of: Vec<_> = users
            .iter()
            .map(|it| (&*it.name, it.address, it.standing))
            .collect();
        let address = |last| Some(Ipv4Addr::new(10, 77, 0, last));
        assert_eq!(
            of,
            [
                ("a", address(9), Standing::Good),
                ("c", None, Standing::Disabled),
                ("d", address(1), Standing::Good),
                ("e", None, Standing::Good),
            ]
        );
        assert!(users[1].password.is_none());
    }

    #[test]
    fn what_is_not_taken_over_is_refused_at_its_place_and_no_secret_is_repeated() {
        for (text, place, words) in [
            ("a * hidden *\n* * hidden *", "2:1", "everybody"),
            ("a * hidden *\n b * @/etc/hidden *", "2:6", "file"),
            ("a *", "1:1", "fewer than three"),
            ("a * 'hidden *\n", "1:5", "quote"),
            ("a * hidden 10.0.0.0/24", "1:12", "not an IPv4 address"),
            ("a * \"\"", "1:5", "0 characters"),
            ("a * $NT$hidden", "1:5", "NT hash"),
            ("\"\" * hidden", "1:1", "cannot be a user name"),
        ] {
            let (_, errors) = read_text(text);
            let [error] = errors.as_slice() else {
                panic!("{text}: {errors:?}")
            };
            let start = format!("chap-secrets:{place}:");
            assert!(
                error.starts_with(&start) && error.contains(words),
                "{text}: {error}"
            );
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
