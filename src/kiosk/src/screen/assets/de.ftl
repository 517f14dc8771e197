# The large words. The short ones are for 7" screens: at most six letters.
checked-in = Eingecheckt
checked-in-short = IN
checked-out = Ausgecheckt
checked-out-short = OUT
already = { $direction ->
    [out] Schon draußen
   *[in] Schon drin
}
already-short = Schon
unknown-badge = Zum Team
unknown-badge-short = Team
revoked-badge = Ungültig
revoked-badge-short = Stopp
not-registered = Nicht dabei
not-registered-short = Info
no-session = Pause
no-session-short = Pause
idle-in = Eingang
idle-in-short = IN
idle-out = Ausgang
idle-out-short = OUT
idle-either = IN / OUT
idle-either-short = IN/OUT
failure = Defekt
failure-short = Zu
not-set-up = Setup fehlt
not-set-up-short = Setup

# The lines under them.
already-since = seit { $time }
already-since-short = { $direction ->
    [out] raus seit { $time }
   *[in] drin seit { $time }
}
unknown-badge-reason = Badge unbekannt
unknown-badge-reason-brief = Unbekannt
revoked-badge-reason = Badge gesperrt
not-registered-reason = Hier nicht gemeldet
no-session-reason = Gerade läuft nichts
no-session-reason-brief = Gerade nichts
see-staff = Bitte zum Team
code = { $code } · { $kiosk }
minutes = bisher { $minutes } von { $total } min
on-track = { $count ->
    [one] { $credits } Punkt in Sicht
   *[other] { $credits } Punkte in Sicht
}
so-far = { $count ->
    [one] { $credits } Punkt erreicht
   *[other] { $credits } Punkte erreicht
}
capped = { $count ->
    [one] { $credits } Punkt, mehr geht nicht
   *[other] { $credits } Punkte, mehr geht nicht
}
not-yet = noch kein Punkt
no-credit = diesmal kein Punkt
out-of-reach = Rest zu kurz für Punkte
person = jemand sieht es sich an
hold-badge = Badge hier vorhalten
hold-badge-brief = Badge zeigen
other-door = Bitte andere Tür nehmen
other-door-brief = Andere Tür
scan-claim = Setup-Code scannen
scan-claim-brief = Code scannen

# Said in one line, on a console or by a screen reader.
line-since = { $direction ->
    [out] Schon draußen seit { $time }
   *[in] Schon drin seit { $time }
}

# Antworten auf einen Zeitcode, für das Team.
time-set = Uhr gestellt
time-set-short = Uhr
time-about = etwa { $time }
time-old = Alter Code
time-old-short = Alt
time-old-reason = Neuen Zeitcode zeigen
time-old-reason-brief = Neuer Code
time-not-ours = Falscher Code
time-not-ours-short = Falsch
time-not-ours-reason = Nicht von hier
time-not-ours-reason-brief = Nicht von hier
time-unreadable = Nochmal
time-unreadable-short = Noch
time-unreadable-reason = Nur teils gelesen
time-unreadable-reason-brief = Teils gelesen

# Answers to a staff badge, for staff.
staff-direction = Vom Team gestellt
staff-direction-brief = Gestellt
staff-either = Beides
staff-either-short = Beides
staff-scan = Korrektur
staff-scan-short = Falsch
staff-scan-reason = Badge noch einmal scannen
staff-scan-reason-brief = Gleicher Badge
staff-back = Zurück
staff-back-short = Weg
staff-back-reason = Jetzt richtig scannen
staff-back-reason-brief = Neu scannen
staff-nothing = Kein Scan
staff-nothing-short = Keiner
staff-nothing-reason = Hier ist nichts zurückzunehmen
staff-nothing-reason-brief = Nichts hier
staff-refused = Ungültig
staff-refused-short = Nein
staff-refused-reason = Team-Badge gilt nicht
staff-refused-reason-brief = Team-Badge
