"""Joins: mends what extraction tore between sentences, quotations and parentheses, and settles blank lines."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from typing import NamedTuple

from cleaner.document import Document, Edit, Patch
from cleaner.stages.blanks import BLANKS, blank_edits, fenced, is_row

NO_EVIDENCE = "no other join defect"

# Words that open many sentences, by language, in small letters: they tell `Paris.Les gens` from `Node.Js`.
_OPENERS = {
    language: frozenset(words.split())
    for language, words in {
        "en": """a after all also although an and another any are as at because before both but by can did do does don
            during each even every finally first for from has have he her here his how however i if in instead it its
            just last let many more most my no not now of on once one only or other our over she since so some still
            such thank that the their then there these they this those though through to today under unfortunately
            until we what when where whether which while who why will with without yes yet you your""",
        "fr": """afin ainsi alors après au aucun aucune aujourd aussi autant aux avant avec beaucoup bien bref c ce
            cela celle celui cependant certaines certains ces cet cette ceux chaque chez comme comment d dans de depuis
            des deux donc du dès elle elles en enfin ensuite entre est et grâce ici il ils j je jusqu l la le les leur
            leurs lors lorsque mais malgré mes mon même n ne nos notre nous on or où par parce parmi pas pendant
            personne peu plus plusieurs pour pourquoi pourtant puis puisque qu quand quant que quel quelle quelques qui
            rien s sa sans selon ses si son sous sur tandis tous tout toute toutefois toutes trois très un une vers
            voici voilà vos votre vous à""",
        "de": """aber alle allein allerdings alles als also am an ansonsten auch auf aus außerdem bei beide beim
            bereits besonders bis da dabei dadurch dafür daher damit danach dann daran darauf daraus darin darum
            darüber das dass dazu dein deine denn dennoch der deren deshalb dessen deswegen die dies diese dieser
            dieses doch dort du durch ebenso ein eine einem einen einer eines einige er erst es etwa euer für ganz
            gerade gleichzeitig hat hier hierbei hierfür ich ihr ihre im immer in indem insgesamt inzwischen ist ja
            jede jeder jedoch jetzt kein keine laut man manche mehr mein meine mit nach nachdem natürlich neben nicht
            noch nun nur ob obwohl oder ohne schon sehr sein seine seit sie sind so sobald solche somit sondern sonst
            sowie später trotz trotzdem um und uns unser unsere unter viele vielleicht vom von vor wann war warum was
            weil weiter weitere welche wenn wer werden wie wir wird wo wobei während zu zudem zuerst zum zur zwar zwei
            zwischen über""",
        "es": """a además ahora al algunas algunos ante antes así aunque aún cada casi como con cual cuando cuál cómo
            de debido del desde después dicha dicho donde durante dónde e el ella ellos en entonces entre era es esa
            esas ese eso esos esta estas este esto estos está están fue ha hace hasta hay hoy la las le lo los luego
            mas me mi mientras mucho muchos muy más nada nadie ni no nos nosotros nuestra nuestro o otra otro para pero
            por porque posteriormente pues que quien quizás quién qué se según ser si siempre sin sobre son su sus sí
            también tampoco tan tanto te tiene toda todas todo todos tras tu un una unos y ya yo él""",
        "it": """a abbiamo ad agli ai al all alla alle allo allora anche ancora anzi appena bisogna c che chi ci ciò
            come con cosa così cui da dagli dai dal dall dalla dalle degli dei del dell della delle dello di dopo dove
            dunque durante e ecco ed era essa essi fino forse fra già gli grazie ha hanno i il in infatti infine
            inoltre insomma invece io l la le lei li lo loro lui ma malgrado mentre molte molti molto nei nel nell
            nella nelle nello nessuno niente no noi non nonostante oggi ogni oltre ora per perché perciò però più poi
            poiché prima proprio purtroppo qual quale quali quando quanto quasi quella quelle quelli quello quest
            questa queste questi questo qui quindi sarà se secondo sempre senza si sia sono soprattutto su sua sue
            sugli sui sul sulla suo suoi sì tanto tra tutta tuttavia tutte tutti tutto un una uno vi voi è""",
        "pt": """a agora ainda algumas alguns além antes ao aos apenas apesar após aqui as assim até cada com como
            contudo da das de dentro depois desde desta deste do dos durante e ela elas ele eles em embora enquanto
            entre entretanto então era essa essas esse esses esta estas este estes está eu foi hoje há isso isto já
            logo mais mas mesmo meu minha muitas muito muitos na nas nem nenhum no nos nossa nosso num numa não nós o
            onde os ou outra outro para pela pelo pois por porque portanto porém quais qual quando quanto quase que
            quem se segundo sem sempre ser seu seus sua suas são também tem toda todas todo todos três tudo um uma você
            vocês à às é""",
        "nl": """aan achter al alle alleen als altijd andere ben bij binnen daar daarbij daarmee daarna daarnaast
            daarom dan dat de deze die dit doe door dus echter een eerst elk elke en er ga haar had heb hebben heeft
            heel het hier hij hoe hoewel hun iedereen ik in inmiddels is ja je jij jouw juist kan maar meer men met
            mijn misschien moet na naar naast nadat natuurlijk nee niet niets nog nu of om omdat ondanks onder ons onze
            ook op over per samen sinds soms steeds te tegen ten tijdens toch toen tot tussen twee uit uiteindelijk
            vaak van vanaf veel verder vervolgens via volgens voor vooral waar waarom wanneer want was wat we wel welke
            werd wie wij wil wordt zal ze zelfs zij zijn zo zoals zodat zodra zonder""",
        "pl": """a aby albo ale bez bo był była było były chociaż choć ci co czy czyli dla dlaczego dlatego do dziś gdy
            gdyby gdzie i ich ile im inne ja jak jaki jako jednak jego jej jest jeszcze jeśli jeżeli już każda każdy
            kiedy kto która które który którzy lecz mam mimo może można my na nad nasz nasza nasze natomiast nawet nic
            nie niestety niż o obecnie od ona one oni oraz oto po pod podczas pomimo ponadto ponieważ potem poza przed
            przez przy sam się skoro są tak taka taki takie także tam te tego ten teraz też to tu tutaj twój tylko tym
            tę u w was wcześniej we według wiele więc wszyscy wszystkie wszystko wtedy właśnie z za zanim zatem zawsze
            ze zresztą że żeby""",
        "cs": """a aby ale ani až bez by byl byla bylo byly být co další dnes do dále díky i jak jako jde je jeden
            jedna jedná jeho jejich její jen jestli jestliže ještě již já k každý kde kdo kdy když ke která které který
            mezi mohu my má můj může na nad navíc ne nebo nebyl nejen není než nyní o od on ona oni pak po pod podle
            pokud potom poté pro proto protože proč před přesto při přitom s samozřejmě se si sice stejně svůj ta tady
            tak také takže tam tato tedy ten tento teď to tohle toho toto tu ty u už v vaše ve více však vše všechny
            vždy z za zatímco zde ze že""",
        "sv": """alla allt att av bara de dem den denna dessa dessutom det detta där därefter därför då efter eftersom
            ej eller en enligt ett fast flera från för första genom ha han hans har hon hur här i in ingen inget inte
            ja jag kan liksom man med medan men mer min mitt mot mycket många nej ni nu när någon något några och också
            om oss på samma samtidigt sedan sen ska som så sådana tack till trots två under upp ur utan vad var varför
            varje vem vi vid vilka vilken vilket vill vår våra är även åt över""",
        "da": """af alle alligevel alt at blandt både da de dem den denne der derefter derfor desuden det dette disse
            dog du efter ej eller en endelig er et for fordi fra før først gennem ha han hans har hendes her hun hvad
            hvem hver hvilke hvis hvor hvordan hvorfor i ifølge ikke ingen ja jeg kan kun man mange med mellem men mens
            mere min mit mod måske nej nogle nok nu når og også om op over på samtidig selv selvom siden skal som så
            til tilbage to trods ud uden under var ved vi vil vores""",
        "no": """alle alt at av bare begge da de den denne der derfor dermed dersom dessuten det dette disse du eller
            en er et ett etter for fordi fra fram før først gjennom ha han hans har her hun hva hvem hver hvilke hvis
            hvor hvordan hvorfor i ifølge ikke imidlertid ingen ja jeg kan man mange med mellom men mens mer min mitt
            mot må nei noe noen nå når og også om opp over på samtidig selv selvom siden skal som så til to tross under
            ut uten var ved vi vil vår våre""",
        "fi": """aina ainakin ehkä ei eikä ennen että he heidän hän hänen itse ja jo joka jopa jos joskus jota jotka
            juuri kaiken kaikki kanssa koko koska kuinka kuitenkin kukaan kun kuten kyllä lisäksi lopuksi me miksi mikä
            missä miten monet moni muita mutta muut myöhemmin myös mä ne niin no nuo nyt näin nämä olemme olen oli olin
            olisi on onko onneksi onpa osa paitsi se sekä sen siellä siinä siis siitä siksi silloin silti sinä sitten
            suurin tai te toisaalta tosin tuo tuolloin tällä tällöin tämä tämän tänä tänään tästä täällä vaan vai
            vaikka vasta vielä viime voi voit""",
        "ro": """a aceasta această acest acesta aceste acestea aceștia acolo acum ai aici am apoi ar are as asta astfel
            astăzi atunci au așa care ce cei cel cele chiar cine conform cu cum când cât câteva da dacă dar datorită de
            deci deoarece despre deși din după ea ei el era este eu fiecare fără iar la le li mai multe mulți ne nici
            nimeni noi nu o ori pe pentru peste poate potrivit prin s sa se si sub sunt să te toate tot totuși toți un
            una unde unii va vor în înainte încă între și""",
        "hu": """a aki akár ami amikor az azonban azt azután azért bár de ebben ehhez először előtt ez ezek ezen ezt
            ezután ezért ha hanem hiszen hogy igen ilyen is itt ki közben meg mert mi mikor minden mindez mindig mint
            mit miért most még míg ne nem nincs olyan s sőt talán te tehát ti ugyanakkor után vagy valamint van és így
            úgy ő ők""",
        "ru": """а без более больше будет был была были было быть в вам вас ваш ведь весь вместе во вот впрочем все
            всегда всего всё вы где да даже для до его ее если есть еще ещё её за затем здесь и из или им именно иногда
            их к каждый как какие какой ко когда конечно который кроме кстати кто куда ли либо лишь лучше между меня
            мне многие может можно мой мы на над надо нам нас наш не некоторые нельзя несмотря нет ни никто ничего но
            ну нужно о об один однако он она они оно от очень перед по под позже пока помимо после потом потому почему
            поэтому при про просто пусть с сегодня сейчас сначала со согласно спасибо сразу среди так также такие такой
            там тем теперь то тогда того тоже только три ту тут ты у уже хотя хочу чем через что чтобы эта эти это
            этого этот я""",
        "uk": """а або адже але без бо був була були було більше в вам вас весь вже вона вони воно все втім він де
            деякі для до дуже з за завжди зараз звичайно згідно зі й його кожен коли крім ми може можна між на навіть
            над нам нас наш не немає ну ні ніхто нічого о однак окрім ось от перед по поки потім при про проте під
            пізніше після саме сьогодні так такий також там тепер ти тим то тобто тоді тому тут тільки у усі хоча хто
            це цей цього ця ці через чи чому що щоб я як який якщо і із інші їх її""",
        "el": """ένα ένας έτσι ή ήταν αλλά αν ανάμεσα από αργότερα αυτά αυτές αυτή αυτοί αυτό αυτός για γιατί δε δεν
            διότι εάν είναι εγώ εδώ εκεί ενώ επίσης επειδή η θα κάθε κάτι καθώς και κατά λοιπόν μέχρι μία μας με μετά
            μια μπορεί μόνο να ναι ο οι πάντα παρά ποιος πολλά πολλοί που πού πρέπει πριν προς πώς σήμερα σε στα στη
            στην στις στο στον στους σύμφωνα τα τη την της τι τις το του τους των τόσο τότε τώρα υπάρχει υπάρχουν χωρίς
            ως ωστόσο όλα όλοι όμως όπου όπως όσο όταν ότι όχι""",
    }.items()
}
_OPENERS |= dict.fromkeys(("nb", "nn"), _OPENERS["no"])
_ANY_OPENER = frozenset().union(*_OPENERS.values())
# Members of well-known classes that are openers too (`Enumerable.All`, `errors.Is`, `By.Id`): never after a capital.
_MEMBERS = frozenset(
    "all any as by can do each every first for from has have is last let most not of on one only".split()
)
_MEMBERS |= frozenset("other over that then to today until up what when where who with without yes".split())
# Functions in small letters that prose about programs names, their second half an opener.
_NAMES = frozenset(("errors.as", "errors.is", "maps.all", "slices.all", "unicode.in", "unicode.is"))
# Country domains that are openers too: `Amazon.De` never parts, `Paris.In winter` only before a small letter.
_NEVER = frozenset(("de", "es"))
_BEFORE_SMALL = frozenset(("at", "in", "it", "me", "my", "no", "so", "us", "we"))
# Not sentences' ends: what follows them is a name or a number (`fig.A`, `tome.I`, `art.Nr`).
_SHORT = frozenset(
    "abb annexe app art bd cap cf chap fig hl inkl jr kap lib nr num par pl prof sr st str tab tel vol".split()
)
# Files' endings and domains, written with a capital: `readme.Md` is short enough to fail without them.
_ENDINGS = frozenset(
    """app bat bin biz cfg com conf css csv dev dll doc docx edu eot epub eps exe gif gov htm html info ini jar
    java jpeg jpg json log lua mid mov mpeg mpg net odt org pdf php png ppt pptx psd rar rtf shop sql svg swf
    tar tex tif tiff txt wav web webp wmv xls xlsx xml yaml yml zip""".split()
)
# Where “ opens a quotation; it closes one in German, Czech, Polish …, and Swedish and Finnish use ” for both.
_CURLY = frozenset(("ca", "en", "es", "fr", "gl", "it", "nl", "pt"))
# Where » closes and takes no endings: Turkish, Armenian, Kazakh, Finnish write `«X»in`; German and Danish open with ».
_ANGLED = frozenset(("be", "bg", "ca", "el", "en", "es", "fr", "gl", "it", "nb", "nn", "no", "pt", "ru", "uk", "und"))
# Words of one letter; after a quotation any other letter is an ending (`« gaulliste »s`).
_SINGLE = dict.fromkeys(("ru", "uk", "be", "bg"), "авикосуяєій") | dict.fromkeys(("sv", "da", "no", "nb", "nn"), "iå")
_SINGLE |= {"fr": "aày", "es": "aeouy", "it": "aeioèé", "pt": "aeoàé", "ca": "aeio", "gl": "aeoé", "en": "ai"}
_SINGLE |= {"pl": "aiouwz", "cs": "aikosuvz", "ro": "ao", "hu": "as", "el": "ηοή"}

_SUSPECT = re.compile(r"[.?!…»)“](?:[^\W\d_a-z]|(?<=»)[a-z]|(?<=“)[ \xa0\u202f])")
_GLUED = re.compile(
    r"(?:(?<=[\s,(«»“”)\"'’‘\-–—])|^)([^\W\d_]{2,40})((?:[ \xa0\u202f]?[»”)\"])?)([ \xa0\u202f]?)([.?!…])"
    r"([^\W\d_]{1,30})(?=[\s'’,\-])"
)
_MARKED = re.compile(r"[.?!…][^\W\d_a-z]")  # what every glued sentence has
_STRAY = re.compile(r"(?<=[^\W\d_]{2})[.?!…][ \xa0]\.([^\W\d_]{2,30})(?=[\s'’,])")
_COMMA = re.compile(r",(?<=[^\W\d_][ \xa0],|[»”][ \xa0],)(?=\s)")
_BRACKETS = re.compile(r"[«»“”„\"()]")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]{1,40}")
_NEXT = re.compile(r"([^\W\d_]{1,40})(?=[\s'’,.;:!?…\-]|$)")
_CAPITAL = re.compile(r"[ \xa0\u202f]+([^\W\d_]{1,30})(?=[\s'’,\-])")
# An address, a path, a formula or markup somewhere in a run without blanks: nothing in that run is prose.
_ADDRESS = re.compile(r"(?<!\S)[^\s/@\\_=<>{}|~^#%&*+\[\]`]*(?:[/@\\_=<>{}|~^#%&*+\[\]`]|(?<=:)(?=\w))\S*")
_CODE = re.compile(r"[{}\\`]|\(\)|[=-]>|::|</|/>|==|;[ \t\r]*$")


class _Place(NamedTuple):
    """A join found in a line: offsets count in the line; ``sure`` ones are evidence for those that are not."""

    start: int
    stop: int
    after: str
    rule: str
    sure: bool = True


def _capitalised(word: str) -> bool:
    return word[0].isupper() and (len(word) == 1 or word[1:].islower())


def _opens(word: str, follows: str, language: str) -> bool:
    """Whether the word, which ``follows`` follows, often opens a sentence of the language."""
    low = word.lower()
    if low not in (_ANY_OPENER if language == "und" else _OPENERS[language]):
        return False
    return len(word) > 1 or follows in "'’" or low in _SINGLE.get(language, "")


def _glued(line: str, language: str) -> Iterator[_Place]:
    """Find sentences that follow another without a blank: ``l’OTAN.Les États``, ``prêt ?Oui, il``."""
    if (language not in _OPENERS and language != "und") or not _MARKED.search(line):
        return
    for m in _GLUED.finditer(line):
        left, closer, blank, mark, word = m.groups()
        follows, low = line[m.end()], word.lower()
        if not _capitalised(word) or (blank and (mark not in "?!" or language != "fr")):
            continue
        opener, small = _opens(word, follows, language), left.islower()
        if small and len(left) > 1:
            named = f"{left}.{low}" in _NAMES or (len(word) == 1 and (len(left) < 3 or left in _SHORT))
            sure = opener and not named
        elif len(left) > 1 and (left.isupper() or (len(left) > 2 and _capitalised(left))):
            sure = opener and len(word) + (follows in "'’") > 1 and low not in _MEMBERS and low not in _NEVER
            if low in _BEFORE_SMALL and not left.isupper():
                sure = sure and (follows in "'’" or line[m.end() + 1 : m.end() + 2].islower())
        else:
            continue
        long = small and not closer and len(left) > 2 and len(word) > 2 and low not in _ENDINGS and left not in _SHORT
        if sure or (long and language != "und" and not opener and mark != "…"):
            yield _Place(m.end(4), m.end(4), " ", "joins/glued-sentence", sure or mark != ".")


def _stray(line: str) -> Iterator[_Place]:
    """Find full stops that stand for a second time before a sentence: ``imminente. .Johnson a``."""
    for m in _STRAY.finditer(line) if " ." in line or "\xa0." in line else ():
        if _capitalised(m[1]) and m[1].lower() not in _ENDINGS:
            yield _Place(m.start(1) - 1, m.start(1), "", "joins/stray-full-stop")


def _bracketed(line: str, language: str) -> Iterator[_Place]:
    """Find what lost or moved its blank beside » ” ) in one pass over the line's quotation marks and brackets."""
    marks = [(m.start(), m[0]) for m in _BRACKETS.finditer(line)]
    curly = language in _CURLY and not any(c == "„" for _, c in marks)
    angled = nested = opened = straight = 0
    quoted = False
    for n, (i, c) in enumerate(marks):
        before, behind = line[i - 1 : i], line[i + 1 : i + 2]
        if c == "«":
            angled += not before or before.isspace() or before in "([“\"'’‘-–—"
        elif c == "»":
            if angled and behind.isalpha() and _follows_quotation(line, i, language):
                yield _Place(i + 1, i + 1, " ", "joins/guillemet-space")
            angled = max(angled - 1, 0)
        elif c == "(":
            opened = i if not nested else opened
            nested += 1
        elif c == ")":
            if nested == 1 and behind.isupper() and _parts(line, opened, i, language):
                yield _Place(i + 1, i + 1, " ", "joins/paren-space")
            nested = max(nested - 1, 0)
        elif c == "“":
            m = _CAPITAL.match(line, i + 1) if curly and not quoted and before and before in ".!?…" else None
            closed = marks[n + 1][1] in "”»" if n + 1 < len(marks) else False
            if m and closed and straight % 2 == 0 and m[1][0].isupper() and line[i - 2 : i - 1].isalnum():
                yield _Place(i, m.start(1), " “", "joins/quote-space")
                quoted = True
            else:
                quoted = not quoted
        elif c == "”":
            quoted = False
        elif c == '"':
            straight += 1


def _follows_quotation(line: str, i: int, language: str) -> bool:
    """Whether a word of its own, no ending, follows the » at ``i``."""
    m = _NEXT.match(line, i + 1)
    if m is None or language not in _ANGLED:
        return False
    if language == "und":  # the blank that French alone puts before » tells it from the German »
        return len(m[1]) > 1 and line[i - 1] in "\xa0\u202f"
    return m[1].lower() in _SINGLE.get(language, "-") or (
        len(m[1]) > 1 and (language != "fr" or m[1] not in ("es", "er", "nes"))
    )


def _parts(line: str, opened: int, i: int, language: str) -> bool:
    """Whether a sentence or a name follows the bracket from ``opened`` to ``i``: not ``(Re)Born``, ``Ca(OH)Cl``."""
    m = _NEXT.match(line, i + 1)
    if m is None or not _capitalised(m[1]) or (opened and not line[opened - 1].isspace()):
        return False
    inside = line[opened + 1 : i]
    if len(_LETTER.findall(inside)) < 2 or inside[-1] in "-‑:;=":
        return False
    follows = line[m.end() : m.end() + 1] or " "
    if len(m[1]) > 1 and " " in inside.strip():
        return True
    known = language == "und" or language in _OPENERS
    return known and _opens(m[1], follows, language) and m[1].lower() not in _MEMBERS


def _commas(line: str) -> Iterator[_Place]:
    """Find blanks before a comma: ``l’Ukraine , selon``. Some people write so: never sure."""
    for m in _COMMA.finditer(line):
        yield _Place(m.start() - 1, m.start(), "", "joins/comma-space", False)


def _is_prose(line: str) -> bool:
    """Whether the line is a sentence at least: five words in small letters, no signs of program code, no table."""
    if line.startswith(("\t", "    ")) or line.lstrip(BLANKS).startswith("|") or _CODE.search(line) or is_row(line):
        return False
    small = (w for w in islice(_WORD.finditer(line), 60) if w[0][0].islower())
    return len(list(islice(small, 5))) == 5


def _places(line: str, language: str) -> Iterator[_Place]:
    """Find every join of a line; what stands in an address is none."""
    places = list(_commas(line))
    if _SUSPECT.search(line):
        places += (*_glued(line, language), *_stray(line), *_bracketed(line, language))
    if not places or not _is_prose(line):
        return
    addresses = [m.span() for m in _ADDRESS.finditer(line)]
    if not addresses:
        yield from places
        return
    stops = [stop for _, stop in addresses]
    for place in places:
        n = bisect_right(stops, place.start)
        if n == len(stops) or addresses[n][0] > place.start:
            yield place


def _suspects(text: str, starts: Sequence[int]) -> list[int]:
    """Give the numbers of the lines worth a look, in order; each is found once, however many signs it holds."""
    found = set()
    for find in (_SUSPECT.search, _COMMA.search):
        at = 0
        while m := find(text, at):
            n = bisect_right(starts, m.start()) - 1
            found.add(n)
            at = starts[n + 1] if n + 1 < len(starts) else len(text)
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Joins:
    """Mends glued sentences, quotations and brackets, stray full stops and commas, and settles blank lines.

    Preformatted text, table rows and fenced code are left alone. Edits move, add and remove blanks and stray full
    stops only, never a letter. One pass is enough: a text it has mended gives no more edits.
    """

    name: str = field(default="joins", init=False)

    def propose(self, document: Document) -> Patch:
        """Give the edits for the document's text; its ``language`` label decides which marks open and close.

        What is not sure (a blank before a comma, an uncommon word after a full stop) is mended where the document
        has sure joins too; the commas of other documents are ``spared``.

        >>> torn = Document("a", "ils ont quitté hier l’OTAN.Les voisins aussi", source={"language": "fr"})
        >>> (torn + Joins().propose(torn)).text
        'ils ont quitté hier l’OTAN. Les voisins aussi'
        """
        text = document.text
        language = _language(document)
        lines = text.split("\n")
        starts = list(accumulate(map((1).__add__, map(len, lines[:-1])), initial=0))
        kept = fenced(text, starts)
        if document.hints:
            kept |= {n for n, hint in enumerate(document.line_hints()) if hint is not None and hint.verbatim}
        places = [
            (starts[n], place)
            for n in _suspects(text, starts)
            if n not in kept
            for place in _places(lines[n], language)
        ]
        torn = any(place.sure for _, place in places)
        edits = list(blank_edits(text, lines, starts, kept))
        spared = []
        for start, (first, stop, after, rule, sure) in places:
            edit = Edit(start + first, start + stop, text[start + first : start + stop], after, rule)
            if torn or sure:
                edits.append(edit)
            elif rule == "joins/comma-space":
                spared.append(edit._replace(note=NO_EVIDENCE))
        return Patch(self.name, tuple(sorted(edits)), spared=tuple(sorted(spared)))

    def settled(self, document: Document) -> bool:
        """Whether nothing that it goes by has changed since its last patch: the text, the language."""
        patches = document.patches
        own = next((n for n in reversed(range(len(patches))) if patches[n].stage == self.name), len(patches))
        if own == len(patches) or any(patch.edits for patch in patches[own + 1 :]):
            return False
        return _language(document) == _language(replace(document, patches=patches[: own + 1]))


def _language(document: Document) -> str:
    return str(document.labels.get("language") or "und").split("-")[0].lower()
