"""The parser of formulas: text to statements. The grammar:

formula    = [ statement *( ";" [ statement ] ) ]
statement  = [ name "=" ] expression
expression = or [ "?" expression ":" expression ]
or         = and *( "||" and )
and        = equality *( "&&" equality )
equality   = order *( ( "==" | "!=" ) order )
order      = sum *( ( "<" | "<=" | ">=" | ">" ) sum )
sum        = product *( ( "+" | "-" ) product )
product    = unary *( ( "*" | "/" ) unary )
unary      = ( "-" | "!" ) unary | primary *( "." name [ arguments ] )
primary    = number | text | name [ arguments ] | "(" expression ")" | "[" [ list ] "]"
arguments  = "(" [ list ] ")"
list       = expression *( "," expression )
"""

from typing import Final

from fakebatch.autoscale.formula_syntax import (
    Binary,
    Choice,
    Expression,
    FunctionCall,
    List,
    Member,
    MethodCall,
    Name,
    Number,
    Position,
    Statement,
    Text,
    Unary,
)
from fakebatch.autoscale.lexer import Token, tokens
from fakebatch.errors import BatchError, FormulaSyntaxError

LONGEST_FORMULA: Final = 8192
"""The most bytes a formula may have."""

MOST_STATEMENTS: Final = 100

# The operators from the lowest to the highest precedence.
_LEVELS: Final = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">=", ">"), ("+", "-"), ("*", "/"))
_DEEPEST: Final = 60


def accept_formula(formula: str) -> list[Statement]:
    """Return the statements of a formula that a request brings.

    Raises BatchError(AutoScalingFormulaTooLong, AutoScalingFormulaSyntaxError).
    """
    if len(formula.encode()) > LONGEST_FORMULA:
        raise BatchError("AutoScalingFormulaTooLong", MaxSize=LONGEST_FORMULA)
    try:
        return parse(formula)
    except FormulaSyntaxError as error:
        raise BatchError("AutoScalingFormulaSyntaxError", Message=error) from error


def parse(formula: str) -> list[Statement]:
    """Return the statements of a formula. Raises FormulaSyntaxError."""
    return _Parser(tokens(formula)).formula()


class _Parser:
    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._index = 0
        self._depth = 0

    def formula(self) -> list[Statement]:
        statements: list[Statement] = []
        while self._peek().kind != "end":
            if self._accept(";"):
                continue
            if len(statements) == MOST_STATEMENTS:
                self._fail(f"A formula has at most {MOST_STATEMENTS} statements")
            statements.append(self._statement())
            if self._peek().kind != "end":
                self._expect(";")
        return statements

    def _peek(self) -> Token:
        return self._tokens[self._index]

    def _next(self) -> Token:
        token = self._peek()
        self._index += 1
        return token

    def _accept(self, *marks: str) -> Token | None:
        token = self._peek()
        return self._next() if token.kind == "mark" and token.text in marks else None

    def _expect(self, mark: str) -> None:
        if self._accept(mark) is None:
            self._fail(f"Expected '{mark}' instead of '{self._peek().text}'")

    def _fail(self, reason: str, position: Position | None = None) -> None:
        where = position or self._peek().position
        raise FormulaSyntaxError(reason, where.line, where.column)

    def _statement(self) -> Statement:
        first = self._peek()
        following = self._tokens[min(self._index + 1, len(self._tokens) - 1)]
        if first.kind == "name" and (following.kind, following.text) == ("mark", "="):
            self._index += 2
            return Statement(first.position, first.text, self._expression())
        return Statement(first.position, None, self._expression())

    def _expression(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail("The formula is nested too deeply")
        condition = self._operation(0)
        if mark := self._accept("?"):
            then = self._expression()
            self._expect(":")
            condition = Choice(mark.position, condition, then, self._expression())
        self._depth -= 1
        return condition

    def _operation(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._operation(level + 1)
        while mark := self._accept(*_LEVELS[level]):
            left = Binary(mark.position, mark.text, left, self._operation(level + 1))
        return left

    def _unary(self) -> Expression:
        marks: list[Token] = []
        while mark := self._accept("-", "!"):
            marks.append(mark)
        value = self._members()
        for mark in reversed(marks):
            value = Unary(mark.position, mark.text, value)
        return value

    def _members(self) -> Expression:
        value = self._primary()
        while self._accept("."):
            name = self._next()
            if name.kind != "name":
                self._fail(f"Expected the name of a member instead of '{name.text}'", name.position)
            if self._accept("("):
                value = MethodCall(name.position, value, name.text, self._list(")"))
            else:
                value = Member(name.position, value, name.text)
        return value

    def _primary(self) -> Expression:
        token = self._next()
        match token.kind, token.text:
            case "number", text:
                return Number(token.position, float(text))
            case "text", text:
                return Text(token.position, text[1:-1])
            case "name", text:
                if self._accept("("):
                    return FunctionCall(token.position, text, self._list(")"))
                return Name(token.position, text)
            case "mark", "(":
                inner = self._expression()
                self._expect(")")
                return inner
            case "mark", "[":
                return List(token.position, self._list("]"))
        raise FormulaSyntaxError(f"Unexpected '{token.text}'", token.position.line, token.position.column)

    def _list(self, end: str) -> tuple[Expression, ...]:
        if self._accept(end):
            return ()
        items = [self._expression()]
        while self._accept(","):
            items.append(self._expression())
        self._expect(end)
        return tuple(items)
