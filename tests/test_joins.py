"""The joins stage: what it mends, what it must leave, and its laws."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleaner.document import Document, Hint
from cleaner.marks import parse, render
from cleaner.stages.joins import NO_EVIDENCE, Joins

ROOT = Path(__file__).parent.parent


def document(text: str, language: str | None = "fr", hints: tuple[Hint, ...] = ()) -> Document:
    return Document("a", text, source={} if language is None else {"language": language}, hints=hints)


MENDED = [
    # A sentence glued to the one before it.
    ("fr", "ils ont quitté hier l’OTAN.{+ +}Les voisins sont restés", "glued-sentence"),
    ("fr", "elle est enfin rentrée à Nantes.{+ +}Il pleuvait encore un peu", "glued-sentence"),
    ("fr", "le pain est cuit.{+ +}L’odeur monte dans toute la maison", "glued-sentence"),
    ("fr", "est-ce que tout est prêt ?{+ +}Oui, depuis ce matin déjà", "glued-sentence"),
    ("fr", "est-ce que tout est prêt\xa0!{+ +}Oui, depuis ce matin déjà", "glued-sentence"),
    ("fr", "il parlait de « la paix ».{+ +}Mais personne ne le croyait", "glued-sentence"),
    ("fr", "elle attendait (depuis une heure).{+ +}Le train ne venait pas", "glued-sentence"),
    ("fr", "on verra bien demain matin…{+ +}Puis, tout ira mieux ensuite", "glued-sentence"),
    ("fr", "le jardin était très calme.{+ +}Est-ce que tu as entendu cela", "glued-sentence"),
    ("en", "that was almost the end!{+ +}The dog came back after supper", "glued-sentence"),
    ("en", "we sold the boat last spring.{+ +}It's still in the harbour", "glued-sentence"),
    ("en", "they moved to Boston.{+ +}In winter the river freezes over", "glued-sentence"),
    ("en", "the first mug was fine,the other broke.{+ +}I want a new one", "glued-sentence"),
    ("en", "will you want to bake this again later?{+ +}Save it in a folder", "glued-sentence"),
    ("de", "der Zug war schon wieder zu spät.{+ +}Wir nahmen also den Bus", "glued-sentence"),
    ("de", "danach fuhren wir mit ihm nach Köln.{+ +}Dort schien die Sonne", "glued-sentence"),
    ("es", "la tienda ya estaba casi vacía.{+ +}Después llegaron los demás", "glued-sentence"),
    ("it", "la bottega era ormai quasi vuota.{+ +}C’era solo il vecchio gatto", "glued-sentence"),
    ("pt", "a loja já estava quase vazia.{+ +}Depois chegaram os outros", "glued-sentence"),
    ("nl", "de winkel was al bijna leeg.{+ +}Daarna kwamen de anderen nog", "glued-sentence"),
    ("pl", "sklep był już prawie zupełnie pusty.{+ +}Potem przyszli inni", "glued-sentence"),
    ("cs", "obchod byl už skoro úplně prázdný.{+ +}Potom přišli ostatní", "glued-sentence"),
    ("sv", "butiken var redan nästan tom.{+ +}Sedan kom de andra också", "glued-sentence"),
    ("fi", "kauppa oli jo melkein aivan tyhjä.{+ +}Sitten tulivat muutkin", "glued-sentence"),
    ("ru", "лавка была уже почти совсем пуста.{+ +}Потом пришли остальные", "glued-sentence"),
    ("el", "το μαγαζί ήταν σχεδόν άδειο πια.{+ +}Μετά ήρθαν και οι άλλοι", "glued-sentence"),
    ("und", "the shop was already almost empty.{+ +}Then the others came in", "glued-sentence"),
    (None, "la boutique était déjà presque vide.{+ +}Puis les autres vinrent", "glued-sentence"),
    ("pt-BR", "a loja já estava quase vazia.{+ +}Depois chegaram os outros", "glued-sentence"),
    # A full stop that stands twice.
    ("fr", "la pluie semblait imminente. [-.-]Marcel a donc fermé la porte", "stray-full-stop"),
    ("en", "did you really want to see it? [-.-]Perhaps, he said at last", "stray-full-stop"),
    # A quotation's blank on the wrong side.
    ("fr", "il reste deux jours.[-“ -]{+ “+}Vous avez le temps », a dit sa mère", "quote-space"),
    ("en", "there are two days left.[-“ -]{+ “+}You have time,” said his mother", "quote-space"),
    ("es", "quedan solo dos días.[-“\xa0-]{+ “+}Usted tiene tiempo”, dijo la madre", "quote-space"),
    # A blank lost behind a closing guillemet.
    ("fr", "il parle de la « désescalade\xa0»{+ +}a déclaré le maire du village", "guillemet-space"),
    ("fr", "un ton « sérieux »{+ +}il a dit, un ton « aimable »{+ +}mais aussi froid", "guillemet-space"),
    ("fr", "ce mot, l’«\xa0honneur\xa0»{+ +}à la ville, il le disait souvent", "guillemet-space"),
    ("fr", "« Je viens demain matin. »{+ +}Le vieux maire n’en croyait rien", "guillemet-space"),
    ("ru", "она читала журнал «Заря»{+ +}и пила свой холодный чай", "guillemet-space"),
    ("und", "il parle de la « désescalade\xa0»{+ +}mais sans jamais y croire", "guillemet-space"),
    # A blank lost behind a closing bracket.
    ("fr", "le jury a parlé (après une pause)Le premier prix va à une femme".replace(")", "){+ +}"), "paren-space"),
    ("fr", "selon les chiffres de la ville (AFP){+ +}Le marché rouvre lundi", "paren-space"),
    ("en", "we keep the shop open (except on Sundays){+ +}Customers are glad", "paren-space"),
    ("de", "alles bleibt wie es immer war (auch die Preise){+ +}Kommen Sie", "paren-space"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "marked", "rule"), MENDED)
def test_mends(language: str | None, marked: str, rule: str) -> None:
    text, expected = parse(marked, f"joins/{rule}")
    patch = Joins().propose(document(text, language))
    assert render(text, patch.edits) == marked
    assert patch.edits == expected


STAYS = [
    # Addresses, domains, files, versions.
    ("en", "you can read it all on https://example.org/wiki.The page is long"),
    ("en", "you can read it all on www.Example.Com and then write to us"),
    ("en", "please write to the office at info.The@example.org before noon"),
    ("en", "it is described on the page /wiki/Foo_(bar)Baz which is quite long"),
    ("en", "most people book their rooms on Booking.Com these days, it seems"),
    ("fr", "on trouve tout cela sur Amazon.De depuis quelques mois déjà"),
    ("en", "the notes are kept in a file called readme.Md in the same folder"),
    ("en", "the picture is stored as holiday.Jpg on the old computer there"),
    ("en", "this needs version 3.Beta of the old program to work as it should"),
    ("en", "the search on example.org/find?The is what the log shows for it"),
    # Brands and code in prose.
    ("en", "the server was written in Node.Js and later it moved to a cluster"),
    ("en", "they wrote the shop in ASP.Net and then they sold the company"),
    ("en", "the pages are made with Vue.Js and some small style sheets"),
    ("en", "look at System.Collections.Generic for the list that you need"),
    ("en", "a java.util.List is what you should give to this method here"),
    ("en", "the call to Math.Max(a, b) is cheap enough for such a loop"),
    ("en", "use Console.WriteLine when you want to see what it is doing"),
    ("en", "with Object.Keys you can see all the names that it has got"),
    ("en", "you call Enumerable.All to know whether it holds for each one"),
    ("en", "the difference between errors.Is and errors.As is often forgotten"),
    ("en", "every task is an asyncio.Task which runs until it is done"),
    ("en", "the type `string.The` is written in code and not in prose here"),
    ("en", "here if (value.The == other.The) { return value.The ; } is code"),
    ("en", "the member pathlib.Path, as they say, is better than a string"),
    ("en", "people still remember the days of Yahoo!Mail and its small icons"),
    # Abbreviations and initials.
    ("en", "the books by J.R.R.Tolkien are still read by many young people"),
    ("en", "he lived in the U.S.A and then he went back to his own town"),
    ("en", "some animals, e.g.The horse, are kept for work and not for food"),
    ("fr", "le soir, M.Dupont rentre chez lui par le chemin de la rivière"),
    ("fr", "on peut y voir p.Ex une église et un moulin tout près de là"),
    ("de", "man kann dort z.B. gut essen und danach am Ufer spazieren gehen"),
    ("de", "der Verein heißt Waldfreunde e.V. und hat sehr viele Mitglieder"),
    ("de", "das steht schon a.a.O. und muss hier nicht wiederholt werden"),
    ("en", "as the small drawing in fig.A shows, the wheel turns quite slowly"),
    ("fr", "comme on le lit dans le tome.A de cette longue et vieille histoire"),
    ("en", "the rule in art.Nr twelve is what they meant when they wrote it"),
    ("en", "the company St.Louis is known for its very old and heavy glass"),
    ("en", "the word camelCase.The word after it is not what it seems to be"),
    ("fr", "3.Les voisins ont aussi parlé de la route et du vieux pont"),
    # Capitals that are no sentence, ellipses, titles, languages without a list.
    ("en", "Sports.The Arts.The Weather.The World"),
    ("en", "and so...The end of it was not at all what we had hoped for"),
    ("fr", "et puis . . . Jean est parti sans rien dire à ses vieux amis"),
    ("fr", "et puis .. Jean est parti sans rien dire à ses vieux amis"),
    ("en", "we moved it. .NET was the reason that they gave for the delay"),
    ("en", "we moved it. .Net was the reason that they gave for the delay"),
    ("en", "look at the dot files. .htaccess is the one that you want first"),
    ("tr", "dükkan neredeyse tamamen boştu artık.Sonra diğerleri de geldi"),
    ("ja", "これは本です.The 次の文はここから始まります"),
    ("en", "they wrote it twice !Important in the style sheet of this page"),
    # Quotations.
    ("de", "er sagte nur „wir kommen morgen.“ Dann ging er ganz langsam fort"),
    ("de", "und das war auch schon alles.“ Dann ging er ”langsam” wieder fort"),
    ("cs", "řekl jenom „přijdeme zítra ráno.“ Potom šel pomalu zase domů"),
    ("sv", "han sade bara ”vi kommer i morgon.” Sedan gick han hem igen"),
    ("fi", "hän sanoi vain ”tulemme huomenna.” Sitten hän meni taas kotiin"),
    ("en", "he only said “we come in the morning.“ Then he ”slowly” went home"),
    ("en", "he only said \"we come in the morning.“ Then he ”slowly” went home"),
    ("en", "he only said so in the morning.“ Then he slowly went home again"),
    ("en", "he only said so in the morning.“ and then he” slowly went home"),
    ("de", "sie hörten den ganzen Abend »Nacht« und danach noch »Rush« im Radio"),
    ("fr", "il a écouté »Nacht« et puis »Rush« sur la vieille radio du salon"),
    ("da", "de hørte »Nat« hele aftenen og derefter også »Dag« i radioen"),
    ("sv", "de hörde »Natt» hela kvällen och sedan också »Dag» på radion"),
    ("tr", "dün akşam «Zaman»ın yeni sayısını okumak için kütüphaneye gittik"),
    ("fi", "he lukivat «Aikaa»kin koko illan ja menivät sitten hyvin iloisina"),
    ("fr", "tous les « gaulliste »s de la ville étaient venus ce soir là"),
    ("fr", "le « premier », le « second », et puis « le dernier ». voilà tout"),
    ("fr", "il a dit dé«construire»r et personne n’a compris ce que cela veut"),
    ("und", "er hörte den « ganzen » Abend und danach noch »leise Musik« dort"),
    # Brackets.
    ("fr", "chaque étudiant(e)s de la ville a reçu une lettre de la mairie"),
    ("fr", "chaque étudiant(es)Le matin venu a reçu une lettre de la mairie"),
    ("en", "it is made of Ca(OH)Cl and water, and it smells quite strong"),
    ("en", "it is made of plain (OH)Cl and water, and it smells quite strong"),
    ("en", "see [the long text](https://example.org)Next to it is a photo"),
    ("en", "call the function foo(x)Bar when you are sure that it is there"),
    ("en", "the book is called (Re)Born and the film after it (Un)Happy too"),
    ("de", "die ganze Nacht lang gab es dort gute (Feier-)Laune und Musik"),
    ("en", "first do a (b)The rest is easy once you have done it for a while"),
    ("en", "that was quite a nice day :)The rest of it was not that good"),
    ("en", "the value (unsigned int)Foo() is what the program wants from you"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "text"), STAYS)
def test_look_alikes_stay(language: str, text: str) -> None:
    assert Joins().propose(document(text, language)).edits == ()


def test_there_is_enough_of_both() -> None:
    assert len(MENDED) >= 30
    assert len(STAYS) >= 60


def test_a_line_with_several_joins_is_mended_in_one_pass() -> None:
    marked = "il est parti.{+ +}Les autres disent « non »{+ +}mais le maire (de la ville){+ +}Les suit[- -], hier. [-.-]Bon vent"
    text, _ = parse(marked)
    assert render(text, Joins().propose(document(text)).edits) == marked


def test_a_chain_of_dots_is_left_alone() -> None:
    assert not Joins().propose(document("il dit que un.Le deux.Si trois.Le.Si et quatre.Le.", "fr")).edits[2:]
    assert not Joins().propose(document("il dit encore que tout ce mot.Le.Si est un nom", "fr")).edits


def test_an_uncommon_word_needs_another_join_in_the_document() -> None:
    alone = "we saw the red house.Foxes had moved into it last year"
    assert Joins().propose(document(alone, "en")).edits == ()
    torn = alone + "\nand nobody had seen them.The owner was away"
    assert [e.start for e in Joins().propose(document(torn, "en")).edits] == [21, 80]


def test_a_blank_before_a_comma_needs_another_join_in_the_document() -> None:
    text = "le maire de la ville , selon son voisin , est parti"
    patch = Joins().propose(document(text))
    assert patch.edits == ()
    assert [(e.start, e.before, e.after, e.rule, e.note) for e in patch.spared] == [
        (20, " ", "", "joins/comma-space", NO_EVIDENCE),
        (39, " ", "", "joins/comma-space", NO_EVIDENCE),
    ]
    patch = Joins().propose(document(f"{text}\n\nil est déjà loin.Les autres sont encore ici"))
    assert [e.rule for e in patch.edits] == ["joins/comma-space"] * 2 + ["joins/glued-sentence"]
    assert patch.spared == ()


@pytest.mark.parametrize(
    "line",
    [
        "int f(int a , int b) { return a , b ; } is what the program says",
        "| le nom , le prix | la ville | et tout le reste aussi |",
        "le nom , le prix\tla ville , le pays\tet tout le reste aussi",
        "    le nom , le prix et la ville et tout le reste aussi",
        "Dupont , Martin , Durand",
    ],
)
def test_a_comma_in_code_or_a_table_stays_beside_other_joins(line: str) -> None:
    torn = "il est déjà loin.Les autres sont encore ici"
    patch = Joins().propose(document(f"{torn}\n{line}\n{torn}"))
    assert [e.rule for e in patch.edits] == ["joins/glued-sentence"] * 2


BLANK = [
    ("a\n\n[-\n\n-]b", ["blank-lines"]),
    ("a\n[- \t-]\n[-\xa0\n\n-]b", ["trailing-blank", "blank-lines"]),
    ("[-\n \n-]a", ["blank-lines"]),
    ("a[-\n-]", ["blank-lines"]),
    ("a[- -][-\n\n \n-]", ["trailing-blank", "blank-lines"]),
    ("a[- \t\xa0\u2003-]\nb", ["trailing-blank"]),
    ("a[-\r-]\n[-\r-]\n[-\r\n-]b[-\r-][-\n-]", ["trailing-blank", "trailing-blank", "blank-lines", "trailing-blank", "blank-lines"]),
    ("[-\xa0-]» d’accord », dit-il", ["leading-blank"]),
    ("[- -]a\n[-\u202f-]b", ["leading-blank", "leading-blank"]),
    ("[- \n\n\xa0-]", ["blank-lines"]),
    ("```\nx = 1[- -][-\n\n-]", ["trailing-blank", "blank-lines"]),
]  # fmt: skip


@pytest.mark.parametrize(("marked", "rules"), BLANK)
def test_settles_blanks(marked: str, rules: list[str]) -> None:
    # The marks [-a-][-b-] are two edits; rendering tells the place, the rules the number.
    text, _ = parse(marked)
    patch = Joins().propose(document(text))
    assert render(text, patch.edits) == marked
    assert [e.rule for e in patch.edits] == [f"joins/{r}" for r in rules]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a\n\nb\nc",
        "Au bord de l’eau\n  un saule dort\n    et rien ne bouge\n  que le vent",
        "def f():\n\n    return 1",
        "\u3000文章在此。\n\u3000第二段。",
        "\tindented\n\ttwice",
        "name\tprice\t\nmug\t\t2\n\u00a0\tx\t1 ",
        " a\tb\tc",
        "see\n```\n x \n\n\n y\t\n```\nend",
        "see\n ```python \n x \n\n\n y.The\t\n```` \nend",
        "```\nil a dit hier que tout est fini.Les autres sont là\n```",
    ],
)
def test_layout_stays(text: str) -> None:
    assert Joins().propose(document(text)).edits == ()


def test_a_fence_inside_a_longer_fence_does_not_close_it() -> None:
    text = "````\n```\n a \n```\n b \n````\n c"
    assert [e.start for e in Joins().propose(document(text)).edits] == [text.index(" c")]


def test_preformatted_text_and_table_rows_are_left_alone() -> None:
    lines = [
        "il a dit.Les autres ont entendu tout cela ",
        " x ",
        "",
        "",
        " y ",
        "il a dit.Les autres ont entendu tout cela",
    ]
    prose, pre = Hint("div/p"), Hint("div/pre")
    patch = Joins().propose(document("\n".join(lines), hints=(prose, pre, pre, pre, pre, Hint("div/table/tr"))))
    assert [(e.start, e.rule) for e in patch.edits] == [(9, "joins/glued-sentence"), (41, "joins/trailing-blank")]


def test_blank_lines_at_the_ends_go_even_when_preformatted() -> None:
    doc = document("\n x \n\n", hints=(Hint("pre"),) * 4)
    assert (doc + Joins().propose(doc)).text == " x "


ALPHABET = [
    *["a", "mot", "fin", "OTAN", "Paris", "Le", "Les", "The", "Foo", "À", "é", "l’", "L'", "il", "S", "s", "3", "_"],
    *[".", "...", "?", "!", "…", ",", ";", ":", "(", ")", "«", "»", "“", "”", "„", '"', "/", "@", "-", "`", "```", "|"],
    *[" ", " ", " ", " ", "\xa0", "\t", "\n", "\n", "\n\n\n", "\r", "\u202f", "\u3000", " ,", ". .", ".“ ", "http://"],
]  # fmt: skip
PROSE = "il a donc bien dit que oui, "
soup = st.lists(st.sampled_from(ALPHABET), max_size=60).map("".join)
near = st.lists(
    st.sampled_from(["mot.Le ", "« fin »il ", "(un mot)Les ", "fin. .Foo ", "fin.“ Les mots” ", *ALPHABET])
).map("".join)
texts = st.one_of(
    soup,
    st.lists(st.builds(str.__add__, st.sampled_from(["", PROSE]), st.one_of(soup, near)), max_size=4).map("\n".join),
    st.text(alphabet=st.sampled_from("aA.»«()“” ,\n`\xa0"), max_size=80),
)
languages = st.sampled_from(["fr", "en", "de", "ru", "sv", "tr", "und", None])


@given(texts, languages)
@settings(deadline=None)
def test_laws(text: str, language: str | None) -> None:
    before = document(text, language)
    patch = Joins().propose(before)
    after = before + patch
    assert patch.inverse().apply(after.text) == text
    assert Joins().propose(document(after.text, language)).edits == (), "one pass is enough"
    assert re.sub(r"[\s.“]", "", after.text) == re.sub(r"[\s.“]", "", text)
    assert not after.text.endswith("\n")
    assert list(patch.edits) == sorted(patch.edits)


@given(st.data(), st.lists(st.sampled_from(["", " ", " a ", "b\t", "mot", "```", "\xa0x"]), min_size=1, max_size=12))
def test_one_pass_is_enough_beside_preformatted_lines(data: st.DataObject, lines: list[str]) -> None:
    hints = tuple(data.draw(st.sampled_from([Hint("p"), Hint("pre")])) for _ in lines)
    once = document("\n".join(lines), hints=hints)
    once += Joins().propose(once)
    assert Joins().propose(once).edits == ()


@pytest.mark.parametrize(
    "unit",
    [
        "a.A",
        "aa.Aa",
        "»",
        "(",
        ")",
        "“",
        '"',
        ".",
        "a",
        ",",
        "/",
        ":a",
        " \n",
        "```\n",
        "```` \n```\n",
        "((a b)T)",
        "\xa0",
    ],
)
def test_time_is_linear(unit: str) -> None:
    def seconds(characters: int) -> float:
        hostile = document(PROSE + unit * (characters // len(unit)))
        start = time.process_time()
        Joins().propose(hostile)
        return time.process_time() - start

    # A quadratic step would take 64 times as long for eight times the text, linear ones take eight.
    short = min(seconds(50_000) for _ in range(3))
    assert seconds(400_000) < 24 * short + 0.25


SEEDS = sorted((ROOT / "seeds").glob("*.txt"))
GOLDENS = sorted((ROOT / "golden").glob("*.txt"))


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda p: p.stem)
@pytest.mark.parametrize("language", ["fr", None])
def test_a_golden_gives_no_edit(golden: Path, language: str | None) -> None:
    text = golden.read_bytes().decode().removesuffix("\n")
    assert Joins().propose(document(text, language)).edits == ()


def test_the_seeds_give_the_joins_of_the_goldens_and_no_other() -> None:
    found = []
    for seed in SEEDS:
        text = seed.read_bytes().decode()
        found += [(e.before, e.after, e.rule) for e in Joins().propose(document(text)).edits]
    assert found == [
        *[("\n\n", "", "joins/blank-lines")] * 4,
        *[("", " ", "joins/guillemet-space")] * 3,
        ("\xa0", "", "joins/leading-blank"),
        ("“ ", " “", "joins/quote-space"),
        (".", "", "joins/stray-full-stop"),
        (" ", "", "joins/comma-space"),
        ("", " ", "joins/glued-sentence"),
    ]
