//! Cuts a filter into field names, operators, literals, keywords and parentheses.
//!
//! What a run of characters means depends on where it stands: after an operator everything up to white space or a
//! parenthesis is a literal, so that a time or a resource name needs no quotes.

use super::{Op, Problem};

/// One piece of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A field, with the key after the dot where there is one.
    Field(String),
    Op(Op),
    Literal(String),
    And,
    Or,
    Not,
    Open,
    Close,
    End,
}

impl Token {
    /// How a message calls it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Field(name) => format!("`{}`", crate::words::Excerpt(name)),
            Self::Op(op) => format!("`{}`", op.symbol()),
            Self::Literal(_) => "a value".to_owned(),
            Self::And => "AND".to_owned(),
            Self::Or => "OR".to_owned(),
            Self::Not => "NOT".to_owned(),
            Self::Open => "`(`".to_owned(),
            Self::Close => "`)`".to_owned(),
            Self::End => "the end".to_owned(),
        }
    }
}

/// A token and the character it begins at, from 1.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) place: usize,
}

/// Every token of the filter, the last one [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, Problem> {
    let mut lexer = Lexer { rest: text, place: 1 };
    let mut tokens = Vec::new();
    let mut after_op = false;
    loop {
        lexer.take_while(char::is_whitespace);
        let place = lexer.place;
        let token = if after_op { lexer.literal()? } else { lexer.token()? };
        after_op = matches!(token, Token::Op(_));
        let is_end = token == Token::End;
        tokens.push(Placed { token, place });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    place: usize,
}

impl<'a> Lexer<'a> {
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.place += taken.chars().count();
        taken
    }

    fn token(&mut self) -> Result<Token, Problem> {
        /// Longer operators first: `<=` must not be read as `<`.
        const SYMBOLS: [(&str, Token); 9] = [
            ("(", Token::Open),
            (")", Token::Close),
            ("!=", Token::Op(Op::NotEqual)),
            ("<=", Token::Op(Op::LessOrEqual)),
            (">=", Token::Op(Op::GreaterOrEqual)),
            ("=", Token::Op(Op::Equal)),
            ("<", Token::Op(Op::Less)),
            (">", Token::Op(Op::Greater)),
            (":", Token::Op(Op::Has)),
        ];
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        if let Some((symbol, token)) = SYMBOLS.into_iter().find(|(symbol, _)| self.rest.starts_with(symbol)) {
            self.take(symbol.len());
            return Ok(token);
        }
        if !first.is_ascii_alphabetic() {
            return Err(Problem::at(
                self.place,
                format_args!("`{first}` does not begin a field. A comparison is written `field op value`."),
            ));
        }
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        Ok(match word {
            "AND" => Token::And,
            "OR" => Token::Or,
            "NOT" => Token::Not,
            name => Token::Field(name.to_owned()),
        })
    }

    fn literal(&mut self) -> Result<Token, Problem> {
        if let Some(quote @ ('"' | '\'')) = self.rest.chars().next() {
            return self.quoted(quote);
        }
        let place = self.place;
        let literal = self.take_while(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"' | '\''));
        if literal.is_empty() {
            return Err(Problem::at(place, "A value is missing after the operator. An empty text is written \"\"."));
        }
        if let Some(symbol) = literal.chars().find(|c| matches!(c, '=' | '<' | '>' | '!')) {
            return Err(Problem::at(place, format_args!("A value with `{symbol}` in it stands in quotes.")));
        }
        Ok(Token::Literal(literal.to_owned()))
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Problem> {
        let begin = self.place;
        self.take(1);
        let mut literal = String::new();
        loop {
            literal.push_str(self.take_while(|c| c != quote && c != '\\'));
            let place = self.place;
            let mut next = self.rest.chars();
            match (next.next(), next.next()) {
                (Some('\\'), Some(escaped @ ('\\' | '"' | '\''))) => {
                    literal.push(escaped);
                    self.take(2);
                }
                (Some('\\'), _) => {
                    return Err(Problem::at(place, "After `\\` only a quote or another `\\` can stand."));
                }
                (Some(_), _) => {
                    self.take(1);
                    return Ok(Token::Literal(literal));
                }
                (None, _) => return Err(Problem::at(begin, "The quote is not closed.")),
            }
        }
    }
}
