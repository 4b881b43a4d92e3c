"""What an SMS says: templates in Jinja2 and in Underscore's notation."""

from __future__ import annotations

import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from nexmo_twisted.errors import Permanent
from tests.templates.names import MESSAGE_NAMES, compile_template

MESSAGE: dict[str, Any] = {
    "id": "layer:///messages/940de862-3c96-11e4-baad-164230d1df67",
    "url": "https://api.layer.com/apps/1/messages/940de862-3c96-11e4-baad-164230d1df67",
    "conversation": {"id": "layer:///conversations/e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f"},
    "parts": [
        {"id": "parts/0", "mime_type": "text/plain", "body": "Hello"},
        {"id": "parts/1", "mime_type": "image/png", "body": None},
    ],
    "sent_at": "2014-09-09T04:44:47+00:00",
    "recipient_status": {"ann": "read", "bob/2": "sent"},
    "is_unread": True,
    "position": None,
    "sender": {
        "name": "Ann & <Co>",
        "firstName": None,
        "metadata": {"first name": "Ann", "team": {"name": "Blue"}},
        "items": "of the data",
        "since": datetime.date(2014, 9, 9),
        "half": 0.5,
        "one": 1.0,
        "list": [1, None, ["a", True]],
    },
    "recipient": {"name": "Bob", "metadata": None},
    "text": "Hi 😀 {{ 7 * 7 }} <%= text %>",
}


def says(source: str, **others: Any) -> str:
    return compile_template(source).render({**MESSAGE, **others})


class JinjaTests(TestCase):
    def test_default(self) -> None:
        """The default template prints the sender's name and the text."""
        self.assertEqual(says("{{ sender.name }}: {{ text }}", text="Are you there?"), "Ann & <Co>: Are you there?")

    def test_members(self) -> None:
        """Members and indexes lead into the data, down to any depth."""
        self.assertEqual(says("{{ sender.metadata.team.name }} {{ sender['metadata']['first name'] }}"), "Blue Ann")
        self.assertEqual(says("{{ parts[0].body }} {{ parts[-2].body }} {{ sent_at[:10] }}"), "Hello Hello 2014-09-09")
        self.assertEqual(says("{{ sender.since }} {{ sender.since.year }}"), "2014-09-09 2014")

    def test_missing(self) -> None:
        """What is missing or null prints nothing, at any depth."""
        for path in ("sender.x", "sender.x.y.z", "recipient.metadata.team.name", "parts[9].body", "parts[1].body.x"):
            self.assertEqual(says(f"<{{{{ {path} }}}}>"), "<>", path)
        for path in ("position", "position.x", "received_at", "sender.firstName", "sender.firstName.x", "text.x.y"):
            self.assertEqual(says(f"<{{{{ {path} }}}}>"), "<>", path)

    def test_missing_in_expressions(self) -> None:
        """Null and missing behave as one: they take a default, equal none, and add nothing."""
        self.assertEqual(says("{{ sender.firstName|default('you') }}{{ sender.x|default('you') }}"), "youyou")
        self.assertEqual(says("{{ sender.firstName|upper }}{{ 'Hi ' ~ sender.firstName }}"), "Hi ")
        self.assertEqual(says("{{ 'Hi ' + sender.firstName }}{{ sender.x + '!' }}"), "Hi !")
        self.assertEqual(
            says("{{ sender.firstName == none }} {{ sender.x is none }} {{ text is none }}"), "true true false"
        )
        self.assertEqual(says("{% if sender.x > 3 or sender.x < 3 %}yes{% else %}no{% endif %}"), "no")
        self.assertEqual(says("{% for x in sender.x %}x{% else %}none{% endfor %}"), "none")

    def test_printed_as_javascript(self) -> None:
        """True, whole numbers, lists and objects print as JavaScript prints them."""
        self.assertEqual(says("{{ is_unread }} {{ 1 > 2 }} {{ sender.one }} {{ sender.half }}"), "true false 1 0.5")
        self.assertEqual(says("{{ sender.list }} {{ recipient_status }}"), "1,,a,true [object Object]")
        self.assertEqual(says("{{ parts|map(attribute='id') }}"), "parts/0,parts/1")

    def test_length(self) -> None:
        """``length`` counts members of lists and UTF-16 units of texts; an object has none but its own."""
        self.assertEqual(says("{{ parts.length }} {{ text.length }}", text="a😀"), "2 3")
        self.assertEqual(says("<{{ sender.length }}>{{ sender.length }}", sender={"length": 7}), "<7>7")
        self.assertEqual(says("<{{ recipient_status.length }}>"), "<>")

    def test_members_named_like_methods(self) -> None:
        """Members come from the data alone, also those named as methods of a dictionary or a text are."""
        self.assertEqual(says("{{ sender.items }}<{{ sender.keys }}{{ sender.get }}{{ text.upper }}>"), "of the data<>")
        self.assertEqual(
            says("<{{ sender.since.__class__ }}{{ text.__class__.__mro__ }}{{ sender.since.today }}>"), "<>"
        )

    def test_statements(self) -> None:
        """Conditions, loops and variables work."""
        self.assertEqual(
            says("{% if sender.metadata.team %}{{ sender.metadata.team.name }}{% else %}-{% endif %}"), "Blue"
        )
        self.assertEqual(says("{% for part in parts %}{{ loop.index }}{{ part.body }}{% endfor %}"), "1Hello2")
        self.assertEqual(
            says("{% for user, status in recipient_status|items %}{{ user }}={{ status }};{% endfor %}"),
            "ann=read;bob/2=sent;",
        )
        self.assertEqual(says("{% set n = parts|length %}{{ n }} {{ range(3)|join('-') }}"), "2 0-1-2")
        self.assertEqual(says("{{ parts|map(attribute='body')|join(', ') }}"), "Hello, ")

    def test_filters(self) -> None:
        """The filters a text message needs are there."""
        for expression, expected in (
            ("recipient.name|upper", "BOB"),
            ("'one two'|split|first", "one"),
            ("'a,b'|split(',')|last", "b"),
            ("'a-b-c'|replace('-', '+')", "a+b+c"),
            ("'some words in a row'|truncate(10, true, '...')", "some wo..."),
            ("conversation.id|urlencode", "layer%3A///conversations/e67b5da2-95ca-40c4-bfc5-a2a8baaeb50f"),
            ("parts|selectattr('mime_type', 'eq', 'text/plain')|list|length", "1"),
            ("recipient_status|dictsort|first|join('=')", "ann=read"),
        ):
            self.assertEqual(says(f"{{{{ {expression} }}}}"), expected, expression)

    @given(st.text(st.one_of(st.sampled_from("{}%<>=# x"), st.characters(codec="utf-8"))))
    def test_text_is_data(self, text: str) -> None:
        """Whatever a user writes is printed as it is, in both notations."""
        self.assertEqual(says("{{ text }}", text=text), text)
        self.assertEqual(says("<%= text %>", text=text), text)


class LimitTests(TestCase):
    def test_long_text(self) -> None:
        """No template prints more than 10,000 characters."""
        for source in ("{{ text }}", "<%= text %>", "{{ text ~ text }}", "{{ [text, text]|join }}"):
            self.assertEqual(says(source, text="a" * 1_000_000), "a" * 10_000, source)

    def test_long_loop(self) -> None:
        """A loop that prints on and on is ended."""
        self.assertEqual(says("{% for i in range(90000) %}{{ text }}{% endfor %}", text="ab" * 50), "ab" * 5000)

    def test_silent_loop(self) -> None:
        """Loops that print nothing, nested or filtered, are ended too; what follows them is printed."""
        for source in (
            "{% for i in range(90000) %}{% for j in range(90000) %}{% endfor %}{% endfor %}x",
            "{% for i in range(90000) if i < 0 %}{% endfor %}{% for i in range(90000) if i < 0 %}{% endfor %}x",
        ):
            self.assertEqual(says(source), "x")

    def test_multiplied(self) -> None:
        """A text cannot be multiplied, nor replaced by much more than it was, nor a range run on."""
        for source in (
            "{{ text * 100000000 }}",
            "{{ 100000000 * text }}",
            "{{ parts * 100000000 }}",
            "{{ text % 3 }}",
            "{{ text|replace('', text) }}",
            "{{ range(100000000)|list }}",
        ):
            error = self.assertRaises(Permanent, says, source, text="%99999999d" * 1000)
            self.assertEqual(error.code, "template")

    def test_joined(self) -> None:
        """A join ends once it is longer than what can be printed."""
        self.assertEqual(says("{{ text|list|join(text) }}", text="ab" * 5000), ("a" + "ab" * 5000)[:10_000])

    def test_refused_at_start(self) -> None:
        """What could run away whatever the message, or needs another template, is refused at the start."""
        for source in (
            "{{ 'a' * 100000000 }}",
            "{{ 100000000 * [1] }}",
            "{{ '%999999999d' % 1 }}",
            "{{ 9 ** 9 ** 9 }}",
            "{{ text|center(999999999) }}",
            "{{ text|indent(999999999) }}",
            "{{ text|format(1) }}",
            "{{ text|wordwrap(1) }}",
            "{{ parts|batch(999999999, 1)|list }}",
            "{{ parts|slice(999999999)|list }}",
            "{{ 1.5|round(999999999) }}",
            "{{ parts|counted }}",
            "{{ text.ljust(999999999) }}",
            "{{ lipsum(99999) }}",
            "{% if false %}{{ text|center(9) }}{% endif %}",
            "{% for p in parts recursive %}{% endfor %}",
            "{% macro f() %}{% endmacro %}",
            "{% include 'other' %}",
            "{% extends 'other' %}",
            "{% import 'other' as other %}",
            "{% set x %}a{% endset %}",
            "{% filter upper %}a{% endfilter %}",
            "{% autoescape true %}{% endautoescape %}",
            "{{ self }}",
        ):
            self.assertRaises(ValueError, compile_template, source)

    def test_failure(self) -> None:
        """A template that fails on a message says so without quoting it."""
        for source in ("{{ 1 / 0 }}", "{{ text - 1 }}", "{{ 1 + text }}", "{{ position - 1 }}", "{{ text|items }}"):
            error = self.assertRaises(Permanent, says, source, text="my secret")
            self.assertEqual(error.code, "template")
            self.assertNotIn("secret", str(error))
            self.assertIsNone(error.__context__)


class NamesTests(TestCase):
    def test_used(self) -> None:
        """A template tells which names it uses, whichever way it goes."""
        self.assertEqual(compile_template("Hello").names, frozenset())
        self.assertEqual(compile_template("{{ sender.name }}: {{ text }}").names, {"sender", "text"})
        self.assertEqual(
            compile_template("{% if text %}{{ conversation.metadata.x }}{% endif %}").names, {"text", "conversation"}
        )
        self.assertEqual(compile_template("{% for p in parts %}{{ p }}{{ loop.index }}{% endfor %}").names, {"parts"})
        self.assertEqual(compile_template("<%= conversation.id %> <%- obj.text %>").names, {"conversation", "text"})

    def test_known(self) -> None:
        """Every member of the documented Message object can be spoken of, and the parties and the text."""
        for name in (
            "id",
            "url",
            "conversation",
            "parts",
            "sent_at",
            "recipient_status",
            "sender",
            "recipient",
            "text",
        ):
            self.assertIn(name, MESSAGE_NAMES)
        for name in MESSAGE_NAMES:
            self.assertEqual(compile_template(f"{{{{ {name} }}}}").names, {name})
            self.assertEqual(compile_template(f"<%= {name} %>").names, {name})

    def test_unknown(self) -> None:
        """An unknown name is refused at the start, with the nearest known one."""
        for source, advice in (
            ("{{ sendr.name }}", "'sendr' is nothing that a template knows: write sender"),
            ("<%= sendr.name %>", "'sendr' is nothing that a template knows: write sender"),
            ("{{ name }}", "'name' is nothing that a template knows: write sender.name or recipient.name"),
            ("{% if text %}{% else %}{{ txt }}{% endif %}", "'txt' is nothing that a template knows: write text"),
        ):
            self.assertEqual(str(self.assertRaises(ValueError, compile_template, source)), advice)
        error = self.assertRaises(ValueError, compile_template, "{{ zzz }}")
        self.assertIn("write one of conversation, id, ", str(error))

    def test_other_names(self) -> None:
        """Another set of names may be given."""
        self.assertEqual(compile_template("{{ city }}", {"city"}).render({"city": "Bonn"}), "Bonn")
        self.assertRaises(ValueError, compile_template, "{{ text }}", {"city"})


class FaultTests(TestCase):
    def refusal(self, source: str) -> str:
        return str(self.assertRaises(ValueError, compile_template, source))

    def test_jinja(self) -> None:
        """A fault in Jinja2 is quoted with its line, and mended where that is a matter of spelling."""
        for source, quoted, advice in (
            ("Hi\n{{ sender.name || 'you' }}", "'{{ sender.name || 'you' }}'", "write {{ sender.name or 'you' }}"),
            ("{{ sender.name && text }}", "'{{ sender.name && text }}'", "write {{ sender.name and text }}"),
            ("{{ text ? text : '-' }}", "'{{ text ? text : '-' }}'", "write {{ text if text else '-' }}"),
            ("{{ sender.name", "'{{ sender.name'", "end it with }}"),
            ("{% if text", "'{% if text'", "end it with %}"),
            ("{% iff text %}", "'{% iff text %}'", "{% if sender.name %}"),
            ("{{ text.upper() }}", "'.upper()'", "write |upper"),
            ("{{ sender.get('x') }}", "'.get()'", "write ['name']"),
            ("{{ f(text) }}", "'{{ f(text) }}'", "write filters"),
            ("{{ text|shout }}", "'|shout'", "use one of abs, capitalize"),
            ("{{ 'a' % text }}", "'%'", "join texts with ~"),
        ):
            refusal = self.refusal(source)
            self.assertIn(quoted, refusal)
            self.assertIn(advice, refusal)

    def test_tags_of_another_language(self) -> None:
        """What would be printed with its own tags never starts."""
        for source, tag in (
            ("{{ sender.name }}: <%= text %>", "{{ sender.name }}"),
            ("<%= sender.name %>{% if text %}: {{ text }}{% endif %}", "{% if text %}"),
            ("<%= text %> {{ text", "{{ text"),
            ("${sender.name}: ${text}", "${sender.name}"),
            ("<%= text %> ${ sender.name }", "${ sender.name }"),
            ("{{ text }} ${_.escape(text)}", "${_.escape(text)}"),
            ("{{ text }} ${user.first}", "${user.first}"),
            ("{sender.name}: {text}", "{sender.name}"),
            ("{ sender.name }: {{ text }}", "{ sender.name }"),
            ("{{ text }} {recipient.metadata['team']}", "{recipient.metadata['team']}"),
            ("{{ text }} {text!r:>10}", "{text!r:>10}"),
            ("{{ text }} {Sender.Name}", "{Sender.Name}"),
            ("{name}: {{ text }}", "{name}"),
            ("{display_name}: {{ text }}", "{display_name}"),
            ("#{sender.name}: {{ text }}", "{sender.name}"),
            ("%sender.name%: %text%", "%sender.name%"),
            ("%(text)s", "%(text)"),
            ("<%= text %> %SENDER.NAME%", "%SENDER.NAME%"),
            ("$text", "$text"),
            ("[[sender.name]] {{ text }}", "[[sender.name]]"),
            ("<<sender.name>> {{ text }}", "sender.name"),
            ("&lt;%= text %&gt;", "&lt;%= text %&gt;"),
            ("{{ text }} &#60;%= text %&#62;", "&#60;%= text %&#62;"),
            ("{{ text }} &#x3C;%- text %>", "&#x3C;%- text %>"),
            ("<%= text %> {# by the team #}", "{# by the team #}"),
            ("{senderName}: {{ text }}", "{senderName}"),
            ("{sender_name}: {{ text }}", "{sender_name}"),
            ("{Sender Name}: {{ text }}", "{Sender Name}"),
            ("%recipient-first_name%: <%= text %>", "%recipient-first_name%"),
            ("$senderName: {{ text }}", "$senderName"),
            ("{{ sender.name }}: {message}", "{message}"),
            ("{{ sender.name }}: %body%", "%body%"),
            ("{{ text }} ${!text}", "${!text}"),
            ("{{ text }} ${'by ' + sender.name}", "${'by ' + sender.name}"),
            ("{{ text }} ${(name)}", "${(name)}"),
            ("{{ sender.name }}: ${text", "${text"),
        ):
            error = self.assertRaises(ValueError, compile_template, source)
            self.assertIn(f"'{tag}'", str(error), source)

    def test_no_tags(self) -> None:
        """Braces, dollars and percent signs that are no tags are printed, and so is a tag that is quoted."""
        for source, said in (
            ("{{ text }} costs $5, 100% {sic} {} [text] ${} {0}", "Hi costs $5, 100% {sic} {} [text] ${} {0}"),
            ("${{ text }} %{{ text }}%", "$Hi %Hi%"),
            ("<%= text %>: 5% of {that} %off% (sender)", "Hi: 5% of {that} %off% (sender)"),
            ("$<%= text %>", "$Hi"),
            ("{% raw %}{{ x }}{% endraw %}{{ '{text}' }}{# {text} #}", "{{ x }}{text}"),
            ("Ask the sender. {{ text }}", "Ask the sender. Hi"),
            ("{{ text }} ${50} ${ } 50%message", "Hi ${50} ${ } 50%message"),
            ("<%= text %> is #1 {#}", "Hi is #1 {#}"),
        ):
            self.assertEqual(compile_template(source).render({"text": "Hi"}), said)

    def test_one_sentence(self) -> None:
        """A fault is one line that fits one, however long the template is."""
        for source in (
            "{{ " + "x y " * 1000 + "}}",
            "{{ text\n" * 50,
            "<%= a b\n" + "c" * 900 + "%>",
            "{{" + "(" * 5000,
        ):
            refusal = self.refusal(source)
            self.assertNotIn("\n", refusal)
            self.assertLess(len(refusal), 400)

    def test_too_deep(self) -> None:
        """A template nested beyond what can be compiled is refused."""
        self.assertIn("nested too deeply", self.refusal("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}"))
        self.assertIn("nested too deeply", self.refusal("{% for p in parts %}" * 30 + "{% endfor %}" * 30))
