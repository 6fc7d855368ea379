"""Invented pages of many languages, kinds and ages of markup, with the lines that are content and those that are not."""

from __future__ import annotations

from typing import NamedTuple


class World(NamedTuple):
    """A page, and the lines of its text that stay and that go."""

    html: str
    stays: list[str]
    goes: list[str]
    kind: str


def _list(items: list[str], name: str = "") -> str:
    given = f' class="{name}"' if name else ""
    return f"<ul{given}>" + "".join(f'<li><a href="/{n}">{item}</a></li>' for n, item in enumerate(items)) + "</ul>"


def _paragraphs(texts: list[str]) -> str:
    return "".join(f"<p>{text}</p>" for text in texts)


def _french_blog() -> World:
    text = [
        "Dimanche, nous avons suivi le sentier du moulin jusqu’à l’ancien lavoir, sous une pluie fine et tenace.",
        "Le toit du lavoir a été refait l’an passé par des bénévoles, avec des tuiles récupérées dans trois fermes.",
        "On y voit encore la pierre usée où les femmes du village frottaient le linge, et la date gravée par un maçon.",
        "Au retour, la rivière avait déjà monté de deux doigts ; nous avons coupé par le champ de luzerne.",
    ]
    comments = [
        ("Odile", "Merci pour cette balade, j’y allais enfant avec ma grand-mère et je ne savais pas pour la date !"),
        ("Bastien", "Le sentier est-il praticable avec une poussette ? On hésite à y aller avec le petit dimanche."),
        (
            "Odile",
            "Avec une poussette c’est difficile, il y a deux échaliers après le moulin, mais ça se porte à deux.",
        ),
        (
            "Marc R.",
            "Belles photos. La luzerne, c’est celle du père Antoine, il n’aime pas trop qu’on coupe, attention.",
        ),
    ]
    menu = ["Accueil", "Balades", "Recettes", "À propos", "Me contacter"]
    side = ["Le four à pain de Crozes", "Trois jours en autonomie", "La soupe d’orties", "Nos chemins d’automne"]
    listed = "".join(
        f'<li class="comment"><div class="comment-author vcard"><cite class="fn">{who}</cite> a dit :</div>'
        f'<div class="comment-meta"><a href="#c{n}">1{n} mars à 08:1{n}</a></div><p>{what}</p>'
        f'<a class="comment-reply-link" href="#">Répondre</a></li>'
        for n, (who, what) in enumerate(comments)
    )
    html = f"""<!doctype html><html lang="fr"><head><title>Le lavoir du moulin – Pas à pas</title></head><body>
    <header id="masthead"><a href="/">Pas à pas</a><nav>{_list(menu)}</nav></header>
    <main id="primary"><article class="post hentry"><h1 class="entry-title">Le lavoir du moulin</h1>
    <div class="entry-meta">Publié le 9 mars par Lucie</div>
    <div class="entry-content">{_paragraphs(text)}</div></article>
    <div id="comments"><h2>4 réponses à « Le lavoir du moulin »</h2><ol class="comment-list">{listed}</ol>
    <div id="respond"><h3>Laisser un commentaire</h3><p>Votre adresse ne sera pas publiée.</p></div></div></main>
    <aside id="secondary"><h2>Articles récents</h2>{_list(side)}</aside>
    <footer>Pas à pas, un carnet de marche</footer></body></html>"""
    goes = [*menu, *side, *(what for _, what in comments), "Laisser un commentaire", "Articles récents"]
    return World(html, ["Le lavoir du moulin", *text], goes, "article")


def _japanese_news() -> World:
    text = [
        "県は二十日、老朽化が進む川沿いの遊歩道について、来年四月から全面的に改修すると発表した。",
        "工事は三期に分けて行われ、最初の区間は夏祭りの前に通れるようになる見通しだという。",
        "近くで喫茶店を営む女性は「毎朝の散歩道なので、早く元に戻ってほしい」と話していた。",
    ]
    menu = "トップ 社会 政治 経済 国際 スポーツ 文化 天気 地域 動画 写真 特集 社説 投書 訃報".split()
    ranking = ["新しい図書館、来春に開館へ", "商店街で朝市、五百人が訪れる", "雪で列車に遅れ、帰宅の足に影響"]
    html = f"""<!doctype html><html lang="ja"><head><title>川沿いの遊歩道、来春から改修 | 川辺新報</title>
    <meta property="og:type" content="article"></head><body>
    <div class="gnav">{_list(menu)}</div><div class="wrap"><div class="detail">
    <h1>川沿いの遊歩道、来春から改修</h1><p class="date">二月二十日 十時三十分</p>
    {_paragraphs(text)}</div>
    <div class="rank"><h2>アクセスランキング</h2>{_list(ranking)}</div></div>
    <div class="foot">{_list(["会社概要", "利用規約", "個人情報の取り扱い", "広告掲載", "お問い合わせ"])}</div>
    </body></html>"""
    return World(html, ["川沿いの遊歩道、来春から改修", *text], [*menu, *ranking, "利用規約", "会社概要"], "article")


def _german_forum() -> World:
    posts = [
        ("Kettenfett", "Moin zusammen, bei meinem alten Rad springt die Kette unter Last vom kleinen Ritzel. Ritzel und "
         "Kette sind neu, das Schaltauge habe ich gerichtet. Woran kann es noch liegen?"),
        ("Lenker66", "Schau dir mal das Kettenblatt an. Wenn vorne die Zähne wie Haifischflossen aussehen, hilft hinten "
         "auch kein neues Ritzel. War bei mir genau so."),
        ("Kettenfett", "Die Zähne vorne sehen noch gut aus, finde ich. Ich habe aber gemerkt, dass der Freilauf ein "
         "wenig Spiel hat. Kann das reichen?"),
        ("Werkstattkatze", "Ja, das reicht. Bei Spiel im Freilauf wandert der Kranz, und dann stimmt die Schaltung nie. "
         "Freilauf tauschen kostet weniger als eine Stunde Fluchen."),
    ]  # fmt: skip
    menu = ["Foren-Übersicht", "Suche", "Mitglieder", "Regeln", "Anmelden", "Registrieren"]
    listed = "".join(
        f'<div class="post" id="p{n}"><dl class="postprofile"><dt>{who}</dt><dd>Beiträge: {41 + n}</dd></dl>'
        f'<div class="postbody"><h3><a href="#p{n}">Re: Kette springt</a></h3><div class="content">{what}</div></div></div>'
        for n, (who, what) in enumerate(posts)
    )
    html = f"""<!doctype html><html lang="de"><head><title>Kette springt - Schrauberforum</title></head><body>
    <div id="page-header">{_list(menu, "navlinks")}</div><div id="page-body"><h2>Kette springt</h2>
    <div class="pagination">4 Beiträge • Seite 1 von 1</div>{listed}
    <div class="action-bar"><a href="/r">Antwort erstellen</a></div>
    <div class="stat-block"><h3>Wer ist online?</h3><p>Mitglieder in diesem Forum: 0 Mitglieder und 3 Gäste</p></div></div>
    <div id="page-footer">{_list(["Impressum", "Datenschutz", "Alle Cookies löschen"])}</div></body></html>"""
    goes = [*menu, "Wer ist online?", "Impressum", "Datenschutz"]
    return World(html, [what for _, what in posts], goes, "forum")


def _arabic_news() -> World:
    text = [
        "أعلنت بلدية المدينة صباح الأحد إعادة فتح السوق القديم بعد أعمال ترميم استمرت أكثر من عامين.",
        "وقال رئيس البلدية إن الترميم حافظ على الأقواس الحجرية، وإن المحال أعيدت إلى أصحابها بالشروط نفسها.",
        "وعبّر التجار عن ارتياحهم، غير أن بعضهم اشتكى من قلة مواقف السيارات في الشوارع المحيطة بالسوق.",
        "ومن المقرر أن تنظم البلدية في الأسبوع المقبل معرضًا للحرف اليدوية يستمر ثلاثة أيام.",
    ]
    menu = ["الرئيسية", "محليات", "اقتصاد", "رياضة", "ثقافة", "صحة", "مقالات"]
    more = ["الميناء يستقبل أول سفينة", "موسم الزيتون يبدأ مبكرًا", "مدرسة جديدة في الحي الغربي"]
    html = f"""<!doctype html><html lang="ar" dir="rtl"><head><title>إعادة فتح السوق القديم - صحيفة الضفة</title></head>
    <body><div class="top-menu">{_list(menu)}</div><div class="container"><div class="col-8">
    <h1 class="title">إعادة فتح السوق القديم</h1><div class="share"><a href="#">فيسبوك</a> <a href="#">تويتر</a></div>
    <div class="article-body">{_paragraphs(text)}</div><div class="tags"><a href="#">السوق</a><a href="#">ترميم</a></div></div>
    <div class="col-4 sidebar"><h3>الأكثر قراءة</h3>{_list(more)}</div></div>
    <footer><p>جميع الحقوق محفوظة</p>{_list(["من نحن", "اتصل بنا", "سياسة الخصوصية"])}</footer></body></html>"""
    return World(html, ["إعادة فتح السوق القديم", *text], [*menu, *more, "الأكثر قراءة", "سياسة الخصوصية"], "article")


def _russian_product() -> World:
    text = [
        "Чайник из толстой эмалированной стали долго держит тепло и не боится открытого огня.",
        "Широкое дно быстро греет воду, а свисток на носике снимается одним движением, чтобы не обжечь руку.",
    ]
    rows = [("Объём", "2,5 литра"), ("Материал", "эмалированная сталь"), ("Вес", "1,3 килограмма")]
    menu = ["Каталог", "Посуда", "Текстиль", "Доставка", "Оплата", "Контакты"]
    others = ["Кастрюля с крышкой", "Сковорода чугунная", "Набор кружек"]
    cards = "".join(
        f'<div class="item"><a href="/i{n}">{name}</a><span class="cost">{n + 1} 290 ₽</span>'
        f"<button>В корзину</button></div>"
        for n, name in enumerate(others)
    )
    table = "".join(f"<tr><th>{a}</th><td>{b}</td></tr>" for a, b in rows)
    html = f"""<!doctype html><html lang="ru"><head><title>Чайник «Север», 2,5 л — купить в магазине «Печка»</title>
    <meta property="og:type" content="product"></head><body><header>{_list(menu)}<a href="/cart">Корзина</a></header>
    <div class="product"><h1>Чайник «Север», 2,5 л</h1><div class="price">3 490 ₽</div><button>В корзину</button>
    <div class="description"><h2>Описание</h2>{_paragraphs(text)}</div><table class="specs">{table}</table></div>
    <section class="related"><h2>С этим товаром покупают</h2>{cards}</section>
    <footer>{_list(["О магазине", "Возврат товара", "Пользовательское соглашение"])}</footer></body></html>"""
    return World(html, text, [*menu, *others, "Возврат товара", "Пользовательское соглашение"], "product")


def _chinese_manual() -> World:
    text = [
        "安装之前，请先确认系统中已经有三点一或更高版本的解释器，否则安装程序会直接退出。",
        "下载完成后，在终端里运行下面的命令，程序会把文件复制到当前用户的目录，不需要管理员权限。",
        "如果网络较慢，可以用参数指定附近的镜像；第一次运行时会生成一个配置文件，可以随时修改。",
    ]
    code = ["mokuai install --user", "mokuai config set mirror near"]
    side = ["快速入门", "安装", "配置", "命令参考", "插件", "常见问题", "更新日志", "参与开发"]
    html = f"""<!doctype html><html lang="zh-CN"><head><title>安装 — 木块手册</title></head><body>
    <div class="sphinxsidebar"><h3>目录</h3>{_list(side)}</div><div class="document"><div class="body" role="main">
    <h1>安装</h1><p>{text[0]}</p><h2>从终端安装</h2><p>{text[1]}</p><pre>{code[0]}</pre><p>{text[2]}</p>
    <pre>{code[1]}</pre></div></div>
    <div class="related"><a href="p">上一页</a> <a href="n">下一页</a></div>
    <div class="footer">© 版权所有，木块项目。最后更新于三月。</div></body></html>"""
    return World(html, [*text, *code], [*side[4:], "上一页", "下一页"], "documentation")


def _spanish_listing() -> World:
    cards = [
        ("Taller de encuadernación", "Dos tardes para coser un cuaderno con tapa dura y papel reciclado."),
        ("Paseo botánico por la ribera", "Con una bióloga, tres horas entre sauces, fresnos y alguna garza."),
        ("Coro abierto de barrio", "No hace falta saber solfeo: se ensaya los martes en la antigua escuela."),
        ("Reparar en vez de tirar", "Trae tu tostadora o tu lámpara; aquí hay herramientas y paciencia."),
        ("Cine de verano en el patio", "Cuatro películas mudas con música de piano tocada en directo."),
        ("Huerto compartido", "Reparto de bancales en marzo, riego por turnos y una comida al mes."),
    ]
    menu = ["Inicio", "Actividades", "Espacios", "Hazte socio", "Contacto"]
    listed = "".join(
        f'<div class="card"><h3><a href="/a{n}">{title}</a></h3><p>{what}</p><a class="more" href="/a{n}">Leer más</a></div>'
        for n, (title, what) in enumerate(cards)
    )
    html = f"""<!doctype html><html lang="es"><head><title>Actividades - Casa del barrio</title></head><body>
    <nav>{_list(menu)}</nav><div class="content"><h1>Actividades</h1><div class="grid">{listed}</div>
    <div class="pager"><a href="?p=2">Siguiente</a></div></div>
    <footer><p>Casa del barrio, calle del Pozo 4</p>{_list(["Aviso legal", "Política de cookies"])}</footer></body></html>"""
    return World(html, [what for _, what in cards], [*menu[2:], "Aviso legal", "Política de cookies"], "listing")


def _portuguese_old_page() -> World:
    text = [
        "A capela foi erguida por volta de 1780, com pedra trazida da serra em carros de bois durante dois verões.",
        "O altar é de madeira de castanho e conserva a pintura original, embora o fumo das velas a tenha escurecido.",
        "Todos os anos, na segunda semana de agosto, a imagem desce em procissão até ao rio e regressa já de noite.",
    ]
    menu = ["Página inicial", "História", "Fotografias", "Livro de visitas", "Ligações"]
    cells = "<br>".join(f'<a href="{n}.htm"><font size="2">{item}</font></a>' for n, item in enumerate(menu))
    body = "<br><br>".join(f'<font face="Arial">{each}</font>' for each in text)
    html = f"""<html><head><title>A capela de Vale Fundo</title></head><body bgcolor="#ffffff">
    <table width="700"><tr><td width="140" valign="top">{cells}</td><td valign="top">
    <center><b>A capela de Vale Fundo</b></center><br>{body}<br><br>
    <center><a href="index.htm">Voltar</a></center></td></tr></table>
    <center><font size="1">Página vista 1204 vezes. Melhor com 800x600.</font></center></body></html>"""
    return World(html, text, [*menu[1:], "Melhor com 800x600"], "article")


def _korean_short() -> World:
    text = [
        "다음 주 월요일부터 도서관 이 층 열람실의 조명을 교체합니다.",
        "공사 기간에는 일 층 열람실을 밤 열 시까지 이용하실 수 있습니다.",
    ]
    menu = ["도서관 소개", "자료 검색", "열람실 예약", "문화 행사", "공지 사항", "오시는 길"]
    html = f"""<!doctype html><html lang="ko"><head><title>열람실 조명 교체 안내 - 강변도서관</title></head><body>
    <div id="gnb">{_list(menu)}</div><div id="lnb">{_list(["공지 사항", "보도 자료", "자주 묻는 질문"])}</div>
    <div id="cont"><h3>열람실 조명 교체 안내</h3><div class="view">{_paragraphs(text)}</div>
    <div class="btns"><a href="/list">목록</a></div></div>
    <div id="ft"><p>주소 강변로 12, 전화 안내</p>{_list(["개인정보 처리방침", "이메일 무단수집 거부"])}</div></body></html>"""
    return World(html, text, ["자료 검색", "열람실 예약", "오시는 길", "개인정보 처리방침"], "article")


PAGES = {
    "fr-blog-with-comments": _french_blog(),
    "ja-news": _japanese_news(),
    "de-forum": _german_forum(),
    "ar-news": _arabic_news(),
    "ru-product": _russian_product(),
    "zh-manual": _chinese_manual(),
    "es-listing": _spanish_listing(),
    "pt-old-tables": _portuguese_old_page(),
    "ko-short-notice": _korean_short(),
}
