"""Templates of the Node service work unchanged, as far as they are paths, and are refused with advice beyond that."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import TestCase

from nexmo_twisted.templates.underscore import in_jinja
from tests.templates.names import compile_template

MESSAGE: dict[str, Any] = {
    "id": "m",
    "text": "héllo 😀 {{ text }} <%= text %>",
    "parts": [{"body": "one"}, {"body": None}],
    "recipient_status": {"a/b": "sent"},
    "is_unread": True,
    "sender": {
        "name": "A & <B> \"q\" 'x' `y`",
        "whole": 1.0,
        "half": 0.5,
        "yes": True,
        "zero": 0,
        "list": [1, None, [2, "x"], {"a": 1}],
        "null": None,
        "length": 7,
        "first name": "F",
        "$x": "dollar",
        "0": "zeroth",
        "items": "IT",
    },
}


class PrintedTests(TestCase):
    def test_as_underscore(self) -> None:
        """A template of paths prints what Underscore 1.13 prints for it."""
        for source, expected in (
            ("<%= sender.name %>", "A & <B> \"q\" 'x' `y`"),
            ("<%- sender.name %>", "A &amp; &lt;B&gt; &quot;q&quot; &#x27;x&#x27; &#x60;y&#x60;"),
            ("<%=id%><%- id%>", "mm"),
            (" <%=  parts [ 0 ] . body  %> ", " one "),
            ("<%= sender\n.length %>", "7"),
            ("<%= sender['first name'] %><%=sender[\"first name\"]%>", "FF"),
            ("<%= recipient_status['a/b'] %> <%= sender.$x %> <%= sender[0] %>", "sent dollar zeroth"),
            ("<%= parts[0].body %>!<%= parts['0'].body %>!<%= parts[1].body %>!<%- parts[1].body %>", "one!one!!"),
            ("<%= parts.length %> <%= text.length %> <%= sender.length %>", "2 31 7"),
            ("<%= sender.whole %> <%= sender.half %> <%= sender.yes %> <%= sender.zero %>", "1 0.5 true 0"),
            ("<%= sender.list %>|<%= recipient_status %>", "1,,2,x,[object Object]|[object Object]"),
            ("<%= sender.null %>|<%- sender.null %>|<%= sender.missing %>", "||"),
            ("<%= text %>", "héllo 😀 {{ text }} <%= text %>"),
            ("{ x } {# #} <%= id %>", "{ x } {# #} m"),
            ("'a'\n\tb\\ <%= id %>\r\n%> >", "'a'\n\tb\\ m\r\n%> >"),
            ("<%= obj.id %> <%= sender.items %>", "m IT"),
        ):
            self.assertEqual(compile_template(source).render(MESSAGE), expected, source)

    def test_missing(self) -> None:
        """What JavaScript would fail on, a member of what is missing, prints nothing."""
        self.assertEqual(
            compile_template("<<%= sender.null.x %><%= parts[7].body %><%= received_at %>>").render(MESSAGE), "<>"
        )

    def test_no_methods(self) -> None:
        """Members of the data are printed, those of the implementation are not."""
        source = "<<%= text.upper %><%= sender.get %><%= parts.__class__ %><%= text.constructor %>>"
        self.assertEqual(compile_template(source).render(MESSAGE), "<>")


class RefusedTests(TestCase):
    def refusal(self, source: str) -> str:
        return str(self.assertRaises(ValueError, compile_template, source))

    def test_arrow(self) -> None:
        """A tag that ends with => instead of %> is told so, wherever it stands."""
        expected = "'<%= sender.name =>' ends with => instead of %>: write <%= sender.name %>"
        self.assertEqual(self.refusal("<%= sender.name =>: <%= text %>"), expected)
        self.assertEqual(self.refusal("<%= sender.name =>: <%= text =>"), expected)
        self.assertEqual(self.refusal("<%= text %> by <%= sender.name =>"), expected)

    def test_not_closed(self) -> None:
        """A tag that is not closed is told so, also when the next one is."""
        self.assertEqual(self.refusal("<%= sender.name"), "'<%= sender.name' is not closed: end it with %>")
        self.assertEqual(self.refusal("<%= id: <%= text %>"), "'<%= id:' is not closed: end it with %>")
        self.assertEqual(self.refusal("<%= text %> <%= id }}\nx"), "'<%= id }}' is not closed: end it with %>")

    def test_prints_nothing(self) -> None:
        """A path without its equals sign would print nothing."""
        self.assertEqual(
            self.refusal("<% sender.name %>"), "'<% sender.name %>' prints nothing: write <%= sender.name %>"
        )

    def test_advice(self) -> None:
        """Usual JavaScript is quoted and followed by how Jinja2 has it, which is a template that works."""
        for tag, advice in (
            ('<%= sender.name || "you" %>', '{{ sender.name or "you" }}'),
            ("<%= sender.name && text %>", "{{ sender.name and text }}"),
            ("<%= sender.yes ? 'a: b?' : text %>", "{{ 'a: b?' if sender.yes else text }}"),
            ("<%= !sender.yes %>", "{{ not sender.yes }}"),
            ("<%= sender.name !== null %>", "{{ sender.name != none }}"),
            ("<%- sender.name.toUpperCase() %>", "{{ sender.name|upper }}"),
            ("<%= text.trim().toLowerCase() %>", "{{ text|trim|lower }}"),
            ("<%= sender.name.split(' ')[0] %>", "{{ sender.name|split(' ')|first }}"),
            ("<%= text.substring(0, 50) %>", "{{ text[0:50] }}"),
            ("<%= text.replace('||', '&&') %>", "{{ text|replace('||', '&&') }}"),
            ("<%= sender.list.join(', ') %>", "{{ sender.list|join(', ') }}"),
            ("<%= 'From ' + sender.name + '!' %>", "{{ 'From ' ~ sender.name ~ '!' }}"),
            ("<%= encodeURIComponent(id) %>", "{{ id|urlencode }}"),
            ("<%= recipient_status[sender.user_id] %>", "{{ recipient_status[sender.user_id] }}"),
            ("<% if (sender.name === 'Ann') { %>", "{% if sender.name == 'Ann' %}…{% endif %}"),
            ("<% _.each(parts, function(part, i) { %>", "{% for part in parts %}…{% endfor %}"),
            ("<% parts.forEach(part => { %>", "{% for part in parts %}…{% endfor %}"),
            ("<% for (var i = 0; i < parts.length; i++) { %>", "{% for item in parts %}…{% endfor %}"),
            ("<% for (const part of parts) { %>", "{% for part in parts %}…{% endfor %}"),
            ("<% var name = sender.name || 'you'; %>", "{% set name = sender.name or 'you' %}"),
            ("<% print(text) %>", "{{ text }}"),
            ("<% /* a remark */ %>", "{# a remark #}"),
        ):
            expected = f"'{tag}' is JavaScript: write {advice} and the rest of the template in Jinja2, too"
            self.assertEqual(self.refusal(f"{tag} <%= text %>"), expected)
            compile_template(advice).render(MESSAGE)

    def test_no_wrong_advice(self) -> None:
        """JavaScript that Jinja2 cannot say either is quoted, with what is possible instead."""
        for tag in (
            "<%= moment(sent_at).format('LT') %>",
            "<%= sender.name; %>",
            "<%= new Date() %>",
            "<%= text = 1 %>",
            "<%= parts.map(p => p.body) %>",
            "<%= parts[0]..x %>",
            "<%= 'text' %>",
            "<%= nobody || text %>",
            "<% debugger; %>",
            "<%= %>",
            "<%%>",
        ):
            refusal = self.refusal(tag)
            self.assertTrue(refusal.startswith(f"'{tag}' is JavaScript"), refusal)
            self.assertIn("Jinja2", refusal)

    def test_literals_untouched(self) -> None:
        """What stands in quotes is not mistaken for an operator."""
        self.assertEqual(in_jinja("a || 'x || y' + \"&& ! null\""), "a or 'x || y' ~ \"&& ! null\"")
