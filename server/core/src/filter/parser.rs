//! The grammar:
//!
//! ```text
//! expression = alternatives {"AND" alternatives}
//! alternatives = unary {"OR" unary}
//! unary = "NOT" unary | "(" expression ")" | field op literal
//! ```
//!
//! The recursion is as deep as the nesting, which is bounded, and so is the number of comparisons.

use super::lexer::{Placed, Token, tokens};
use super::{MAX_BYTES, MAX_DEPTH, MAX_TERMS, Op, Problem};

/// A filter as it is written, not yet checked against any fields.
#[derive(Debug)]
pub(super) enum Expression {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Term(Term),
}

/// One comparison as it is written.
#[derive(Debug)]
pub(super) struct Term {
    /// Where the field begins, in characters from 1.
    pub(super) place: usize,
    pub(super) field: String,
    pub(super) op: Op,
    pub(super) literal: String,
    /// Where the literal begins, in characters from 1.
    pub(super) literal_place: usize,
}

pub(super) fn parse(text: &str) -> Result<Expression, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::at(1, format_args!("The filter has {} bytes; at most {MAX_BYTES} are read.", text.len())));
    }
    let mut parser = Parser { tokens: tokens(text)?.into_iter().peekable(), terms: 0, depth: 0 };
    let expression = parser.expression()?;
    match parser.next() {
        Placed { token: Token::End, .. } => Ok(expression),
        Placed { token: Token::Close, place } => Err(Problem::at(place, "This `)` closes nothing.")),
        other => Err(Problem::at(
            other.place,
            format_args!(
                "AND or OR is missing before {}. White space does not join two terms.",
                other.token.describe()
            ),
        )),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Placed>>,
    terms: usize,
    depth: usize,
}

impl Parser {
    /// The next token; the end, again and again, when there are no more.
    fn next(&mut self) -> Placed {
        self.tokens.next().unwrap_or(Placed { token: Token::End, place: 0 })
    }

    fn take(&mut self, wanted: &Token) -> bool {
        self.tokens.next_if(|next| next.token == *wanted).is_some()
    }

    fn expression(&mut self) -> Result<Expression, Problem> {
        let mut parts = vec![self.alternatives()?];
        while self.take(&Token::And) {
            parts.push(self.alternatives()?);
        }
        Ok(one_or(parts, Expression::And))
    }

    fn alternatives(&mut self) -> Result<Expression, Problem> {
        let mut parts = vec![self.unary()?];
        while self.take(&Token::Or) {
            parts.push(self.unary()?);
        }
        Ok(one_or(parts, Expression::Or))
    }

    fn unary(&mut self) -> Result<Expression, Problem> {
        let next = self.next();
        match next.token {
            Token::Not => {
                self.enter(next.place)?;
                let negated = self.unary()?;
                self.depth -= 1;
                Ok(Expression::Not(Box::new(negated)))
            }
            Token::Open => {
                self.enter(next.place)?;
                let inner = self.expression()?;
                let close = self.next();
                if close.token != Token::Close {
                    return Err(Problem::at(
                        close.place,
                        format_args!(
                            "AND, OR or `)` is wanted here, not {}. The `(` of character {} is open.",
                            close.token.describe(),
                            next.place
                        ),
                    ));
                }
                self.depth -= 1;
                Ok(inner)
            }
            Token::Field(field) => self.term(field, next.place),
            other => Err(Problem::at(
                next.place,
                format_args!("A comparison is wanted here, not {}. It is written `field op value`.", other.describe()),
            )),
        }
    }

    fn term(&mut self, field: String, place: usize) -> Result<Expression, Problem> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(Problem::at(place, format_args!("The filter has more than {MAX_TERMS} comparisons.")));
        }
        let op = self.next();
        let Token::Op(op) = op.token else {
            let hint = match field.to_ascii_uppercase().as_str() {
                keyword @ ("AND" | "OR" | "NOT") => format!(" Write {keyword} in upper case."),
                _ => String::new(),
            };
            return Err(Problem::at(
                op.place,
                format_args!(
                    "One of = != < <= > >= : is wanted after `{}`, not {}.{hint}",
                    crate::words::Excerpt(&field),
                    op.token.describe()
                ),
            ));
        };
        let literal = self.next();
        match literal.token {
            Token::Literal(text) => {
                Ok(Expression::Term(Term { place, field, op, literal: text, literal_place: literal.place }))
            }
            other => Err(Problem::at(literal.place, format_args!("A value is wanted here, not {}.", other.describe()))),
        }
    }

    fn enter(&mut self, place: usize) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Problem::at(place, format_args!("The filter is nested more than {MAX_DEPTH} deep.")));
        }
        Ok(())
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            many(parts)
        }
        None => many(parts),
    }
}
