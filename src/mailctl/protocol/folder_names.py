"""Names of folders: how they are written on the wire, and what servers and mail programs call those of a role.

Names on the wire are in modified UTF-7 (RFC 3501, 5.1.3), or in UTF-8 after UTF8=ACCEPT (RFC 9755).

The names by role are those of Gmail, Outlook and Exchange, Thunderbird, Apple Mail, Roundcube, Horde and Zimbra in
their translations. The order counts where a mailbox has several: what servers create comes before what programs do.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from mailctl.model.folders import INBOX, FolderRole

_DRAFTS = (
    "Drafts", "Draft",
    "Entwürfe", "Entwurf",  # de
    "Brouillons", "Brouillon",  # fr
    "Bozze", "Bozza",  # it
    "Borradores", "Borrador",  # es
    "Esborranys",  # ca
    "Rascunhos", "Rascunho",  # pt
    "Concepten", "Klad",  # nl
    "Wersje robocze", "Szkice", "Kopie robocze", "Robocze",  # pl
    "Koncepty", "Rozepsané", "Rozepsané zprávy", "Návrhy",  # cs, sk
    "Rozpísané", "Rozpracované",  # sk
    "Osnutki",  # sl
    "Skice", "Nacrti", "Нацрти", "Скице",  # hr, sr
    "Черновики", "Черновик",  # ru
    "Чернетки",  # uk
    "Чернови",  # bg
    "Taslaklar", "Taslak",  # tr
    "下書き", "草稿",  # ja; zh
    "草稿箱", "草稿夹", "草稿匣",  # zh
    "임시 보관함", "임시보관함",  # ko
    "Utkast", "Kladder", "Kladde",  # sv, nb; da
    "Luonnokset", "Luonnos",  # fi
    "Piszkozatok", "Vázlatok",  # hu
    "Ciorne", "Schițe", "Mesaje nefinalizate",  # ro
    "Πρόχειρα",  # el
    "טיוטות",  # he
    "المسودات", "مسودات",  # ar
    "پیش‌نویس‌ها", "پیش نویس ها",  # fa
    "Juodraščiai", "Melnraksti", "Mustandid",  # lt, lv, et
    "Drög",  # is
    "Nháp", "Thư nháp", "Bản nháp",  # vi
    "ฉบับร่าง", "จดหมายร่าง", "แบบร่าง",  # th
    "Draf", "Konsep",  # id, ms
    "ड्राफ़्ट", "ड्राफ्ट",  # hi
)  # fmt: skip
_SENT = (
    "Sent", "Sent Messages", "Sent Items", "Sent Mail", "Sent-Mail", "Sent Objects", "Outbox (sent)",
    "Gesendet", "Gesendete Objekte", "Gesendete Elemente", "Gesendete Nachrichten", "Gesendete E-Mails",  # de
    "Envoyés", "Éléments envoyés", "Messages envoyés", "Objets envoyés", "Courrier envoyé", "Envoyé",  # fr
    "Posta inviata", "Inviata", "Inviati", "Messaggi inviati", "Elementi inviati", "Inviate",  # it
    "Enviados", "Elementos enviados", "Mensajes enviados", "Correo enviado",  # es, pt
    "Enviats", "Elements enviats",  # ca
    "Itens enviados", "Mensagens enviadas", "E-mails enviados", "Itens Enviados",  # pt
    "Verzonden", "Verzonden items", "Verzonden berichten", "Verstuurd",  # nl
    "Wysłane", "Elementy wysłane", "Wiadomości wysłane",  # pl
    "Odeslané", "Odeslaná pošta", "Odeslané zprávy",  # cs
    "Odoslané", "Odoslaná pošta", "Odoslané položky",  # sk
    "Poslano", "Poslana pošta", "Poslani predmeti",  # sl
    "Poslane poruke", "Poslane stavke", "Послато", "Послате",  # hr, sr
    "Отправленные", "Отправленное", "Исходящие отправленные",  # ru
    "Надіслані", "Відправлені", "Надіслане",  # uk
    "Изпратени", "Изпратена поща",  # bg
    "Gönderilmiş Öğeler", "Gönderilenler", "Gönderilmiş", "Gönderilmiş Postalar", "Gönderilen",  # tr
    "送信済み", "送信済みアイテム", "送信済みメール", "送信済みトレイ", "送信済",  # ja
    "已发送", "已发送邮件", "已发邮件", "已傳送", "寄件備份", "寄件匣", "已发送消息", "已寄出",  # zh
    "보낸 편지함", "보낸편지함", "보낸 메일함", "보낸메일함",  # ko
    "Skickat", "Skickade", "Skickade objekt", "Skickade meddelanden",  # sv
    "Sendt", "Sendte elementer", "Sendt e-post", "Sendte",  # nb
    "Sendt post", "Sendte mails",  # da
    "Lähetetyt", "Lähetetyt kohteet", "Lähetetyt viestit",  # fi
    "Elküldött", "Elküldött elemek", "Elküldött üzenetek", "Elküldött levelek",  # hu
    "Trimise", "Elemente trimise", "Mesaje trimise",  # ro
    "Απεσταλμένα", "Σταλμένα",  # el
    "נשלחו", "דואר שנשלח", "פריטים שנשלחו", "דואר יוצא",  # he
    "المرسلة", "العناصر المرسلة", "البريد المرسل", "الرسائل المرسلة", "مرسل",  # ar
    "فرستاده‌شده", "ارسال شده", "پیام‌های فرستاده‌شده",  # fa
    "Išsiųsti", "Išsiųsta", "Nosūtītie", "Nosūtītās", "Saadetud", "Saadetud kirjad",  # lt, lv, et
    "Sent atriði", "Sendir hlutir", "Send skeyti",  # is
    "Đã gửi", "Thư đã gửi",  # vi
    "ส่งแล้ว", "รายการที่ส่ง", "จดหมายที่ส่งแล้ว",  # th
    "Terkirim", "Item Terkirim", "Dihantar",  # id, ms
    "भेजे गए", "भेजा गया",  # hi
)  # fmt: skip
_SPAM = (
    "Junk", "Spam", "Junk E-mail", "Junk Email", "Junk Mail", "JunkMail", "Bulk Mail", "Bulk", "Quarantine",
    "Spamverdacht", "Junk-E-Mail", "Unerwünscht", "Unerwünschte Werbung", "Spam-Verdacht", "Werbung",  # de
    "Courrier indésirable", "Indésirables", "Pourriels", "Pourriel", "Messages indésirables",  # fr
    "Posta indesiderata", "Indesiderata", "Posta Indesiderata",  # it
    "Correo no deseado", "Correo basura", "No deseado",  # es
    "Correu brossa",  # ca
    "Lixo eletrônico", "Lixo eletrónico", "Lixo Electrónico", "Lixo eletrônico/Spam", "E-mail de lixo",  # pt
    "Ongewenste e-mail", "Ongewenst", "Ongewenste reclame",  # nl
    "Wiadomości-śmieci", "Śmieci", "Niechciane", "Wiadomości śmieci",  # pl
    "Nevyžádaná pošta", "Nevyžádané", "Hromadná pošta",  # cs
    "Nevyžiadaná pošta", "Nevyžiadané",  # sk
    "Neželena pošta", "Neželena e-pošta", "Vsiljena pošta", "Нежељена пошта",  # sl, hr, sr
    "Спам", "Нежелательная почта", "Нежелательные",  # ru
    "Небажана пошта", "Небажана електронна пошта",  # uk
    "Нежелана поща",  # bg
    "İstenmeyen", "Gereksiz", "Gereksiz E-posta", "İstenmeyen E-posta", "Önemsiz E-posta", "Önemsiz",  # tr
    "迷惑メール", "スパム",  # ja
    "垃圾邮件", "垃圾郵件", "垃圾箱邮件", "广告邮件", "廣告郵件",  # zh
    "스팸", "스팸메일함", "스팸함", "정크 메일", "정크메일",  # ko
    "Skräppost", "Skräp",  # sv
    "Søppelpost", "Uønsket e-post", "Uønsket", "Uønsket mail", "Uønsket post",  # nb, da
    "Roskaposti", "Roskapostit",  # fi
    "Levélszemét", "Kéretlen levelek", "Kéretlen",  # hu
    "E-mail nedorit", "Mesaje nedorite", "Nedorite", "Gunoi electronic",  # ro
    "Ανεπιθύμητη αλληλογραφία", "Ανεπιθύμητα", "Ανεπιθύμητη Αλληλογραφία",  # el
    "דואר זבל", "ספאם", "זבל",  # he
    "البريد غير الهام", "البريد غير المرغوب فيه", "بريد مزعج", "البريد العشوائي", "المزعجة",  # ar
    "هرزنامه",  # fa
    "Šlamštas", "Brukalas", "Surogātpasts", "Mēstules", "Rämpspost",  # lt, lv, et
    "Ruslpóstur",  # is
    "Thư rác", "Thư Rác",  # vi
    "อีเมลขยะ", "จดหมายขยะ", "สแปม",  # th
    "Email Sampah", "Spam/Sampah",  # id
    "स्पैम", "जंक ईमेल",  # hi
)  # fmt: skip
_TRASH = (
    "Trash", "Deleted Items", "Deleted Messages", "Deleted", "Bin", "Deleted Objects", "Wastebasket", "Rubbish",
    "Papierkorb", "Gelöschte Objekte", "Gelöschte Elemente", "Gelöscht", "Gelöschte Nachrichten",  # de
    "Corbeille", "Éléments supprimés", "Messages supprimés", "Objets supprimés", "Poubelle",  # fr
    "Cestino", "Posta eliminata", "Eliminata", "Elementi eliminati", "Messaggi eliminati",  # it
    "Papelera", "Elementos eliminados", "Papelera de reciclaje", "Mensajes eliminados", "Eliminados",  # es
    "Paperera", "Elements suprimits",  # ca
    "Lixeira", "Lixo", "Itens excluídos", "Itens eliminados", "Reciclagem", "Mensagens excluídas",  # pt
    "Prullenbak", "Prullenmand", "Verwijderde items", "Verwijderd", "Verwijderde berichten",  # nl
    "Kosz", "Elementy usunięte", "Usunięte",  # pl
    "Koš", "Odstraněná pošta", "Smazané", "Odstraněné",  # cs
    "Kôš", "Odstránené položky", "Vymazané", "Odstránená pošta",  # sk
    "Smeti", "Izbrisano", "Izbrisani predmeti", "Smeće", "Otpad", "Kanta", "Избрисано", "Смеће", "Отпад",  # sl, hr, sr
    "Корзина", "Удаленные", "Удалённые", "Удаленное", "Удалённое",  # ru
    "Кошик", "Видалені", "Смітник", "Видалене",  # uk
    "Кошче", "Изтрити",  # bg
    "Çöp Kutusu", "Çöp", "Silinmiş Öğeler", "Silinmiş", "Silinenler",  # tr
    "ゴミ箱", "ごみ箱", "削除済みアイテム", "削除済み", "削除済みメール",  # ja
    "已删除", "已删除邮件", "已刪除的郵件", "垃圾桶", "废件箱", "回收站",  # zh
    "刪除的郵件", "已刪除郵件", "刪除的項目",
    "휴지통", "지운 편지함", "지운편지함", "삭제된 항목",  # ko
    "Papperskorgen", "Borttaget", "Papperskorg", "Borttagna objekt",  # sv
    "Papirkurv", "Papirkurven", "Slettede elementer", "Slettet", "Søppel",  # nb
    "Slettet post", "Slettede mails",  # da
    "Roskakori", "Poistetut", "Poistetut kohteet", "Poistetut viestit",  # fi
    "Kuka", "Lomtár", "Törölt elemek", "Törölt üzenetek", "Törölt",  # hu
    "Coș de gunoi", "Gunoi", "Elemente șterse", "Coş de gunoi", "Mesaje șterse",  # ro
    "Κάδος", "Διαγραμμένα", "Απορρίμματα", "Κάδος απορριμμάτων", "Διεγραμμένα",  # el
    "אשפה", "פריטים שנמחקו", "סל מחזור", "נמחקו",  # he
    "المهملات", "سلة المهملات", "العناصر المحذوفة", "المحذوفة", "المحذوفات",  # ar
    "زباله‌دان", "حذف‌شده",  # fa
    "Šiukšliadėžė", "Šiukšlės", "Ištrinti", "Miskaste", "Dzēstie", "Prügikast", "Kustutatud",  # lt, lv, et
    "Rusl", "Eydd atriði",  # is
    "Thùng rác", "Đã xóa", "Thư đã xóa",  # vi
    "ถังขยะ", "รายการที่ถูกลบ",  # th
    "Sampah", "Tong Sampah", "Item Terhapus",  # id, ms
    "ट्रैश", "हटाए गए",  # hi
)  # fmt: skip
_ARCHIVE = (
    "Archive", "Archives", "All Mail", "Archived",
    "Archiv", "Alle Nachrichten",  # de, cs
    "Tous les messages",  # fr
    "Archivio", "Tutti i messaggi",  # it
    "Archivo", "Archivar", "Archivados", "Todos", "Todos los mensajes",  # es
    "Arxiu",  # ca
    "Arquivo", "Arquivo Morto", "Arquivar", "Arquivos", "Todos os e-mails",  # pt
    "Archief", "Alle berichten",  # nl
    "Archiwum", "Wszystkie",  # pl
    "Archív", "Arhiv", "Arhiva", "Архива",  # sk, sl, hr, sr
    "Архив", "Вся почта",  # ru, bg
    "Архів", "Уся пошта",  # uk
    "Arşiv", "Tüm Postalar",  # tr
    "アーカイブ", "すべてのメール", "保管",  # ja
    "存档", "归档", "封存", "所有邮件", "所有郵件", "保存邮件",  # zh
    "보관함", "보관", "전체보관함", "전체 보관함",  # ko
    "Arkiv", "Alla mail", "All e-post",  # sv, nb, da
    "Arkisto", "Arkistoidut",  # fi
    "Archívum", "Összes levél",  # hu
    "Arhivă", "Arhivate",  # ro
    "Αρχείο", "Αρχειοθήκη",  # el
    "ארכיון",  # he
    "الأرشيف", "أرشيف", "الارشيف",  # ar
    "بایگانی",  # fa
    "Archyvas", "Arhīvs", "Arhiiv",  # lt, lv, et
    "Safn",  # is
    "Lưu trữ",  # vi
    "เก็บถาวร", "จดหมายเก่า",  # th
    "Arsip", "Arkib",  # id, ms
    "संग्रह",  # hi
)  # fmt: skip

KNOWN_NAMES: Mapping[FolderRole, tuple[str, ...]] = {
    FolderRole.INBOX: (INBOX,),
    FolderRole.DRAFTS: _DRAFTS,
    FolderRole.SENT: _SENT,
    FolderRole.SPAM: _SPAM,
    FolderRole.TRASH: _TRASH,
    FolderRole.ARCHIVE: _ARCHIVE,
}
"""What the folder of a role is called; the first is what a new one is called."""

_CONTAINERS = ("[Gmail]", "[Google Mail]")
"""Where Gmail keeps its folders of a role."""


def find_by_name(role: FolderRole, names: Iterable[str], *, prefix: str, separator: str | None) -> str | None:
    """Return the folder that is known by its name to have a role; None where none is.

    Only folders at the top count: below `prefix` (that of the personal namespace), below INBOX, and Gmail's.
    """
    tops = {_folded(top): name for name in names for top in _tops(name, prefix, separator)}
    return next((tops[known] for known in map(_folded, KNOWN_NAMES[role]) if known in tops), None)


def _tops(name: str, prefix: str, separator: str | None) -> Iterator[str]:
    """Yield what a folder is called at the top, if it is there."""
    if not separator:
        yield name
        return
    containers = (prefix, f"{INBOX}{separator}", *(f"{container}{separator}" for container in _CONTAINERS), "")
    for container in containers:
        rest = name[len(container) :]
        if name.casefold().startswith(container.casefold()) and rest and separator not in rest:
            yield rest


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def encode_name(name: str, *, utf8: bool) -> bytes:
    """Return a name as the server takes it: in UTF-8 after UTF8=ACCEPT, else in modified UTF-7."""
    from imapclient import imap_utf7  # type: ignore[import-untyped]  # it has no types

    return name.encode() if utf8 else bytes(imap_utf7.encode(name))
