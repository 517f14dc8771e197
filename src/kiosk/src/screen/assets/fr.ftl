# The large words. The short ones are for 7" screens: at most six letters.
checked-in = Entrée OK
checked-in-short = Entrée
checked-out = Sortie OK
checked-out-short = Sortie
already = { $direction ->
    [out] Déjà dehors
   *[in] Déjà dedans
}
already-short = Déjà
unknown-badge = À l’accueil
unknown-badge-short = Aide
revoked-badge = Non valable
revoked-badge-short = Nul
not-registered = Hors liste
not-registered-short = Liste
no-session = Pause
no-session-short = Pause
idle-in = Entrée
idle-in-short = Entrée
idle-out = Sortie
idle-out-short = Sortie
idle-either = Entrée/sortie
idle-either-short = IN/OUT
failure = En panne
failure-short = Panne
not-set-up = À configurer
not-set-up-short = Init

# The lines under them.
already-since = depuis { $time }
already-since-short = { $direction ->
    [out] dehors depuis { $time }
   *[in] dedans depuis { $time }
}
unknown-badge-reason = Badge inconnu
unknown-badge-reason-brief = Inconnu
revoked-badge-reason = Badge annulé
not-registered-reason = Pas dans la liste
no-session-reason = Rien en ce moment
no-session-reason-brief = Rien à présent
see-staff = Voir l’accueil
code = { $code } · { $kiosk }
minutes = { $minutes } min sur { $total } jusqu’ici
on-track = { $count ->
    [one] { $credits } crédit en vue
   *[other] { $credits } crédits en vue
}
so-far = { $count ->
    [one] { $credits } crédit acquis
   *[other] { $credits } crédits acquis
}
capped = { $count ->
    [one] { $credits } crédit, le maximum
   *[other] { $credits } crédits, le maximum
}
not-yet = pas encore de crédit
no-credit = pas de crédit cette fois
out-of-reach = temps restant trop court
person = quelqu’un va vérifier
hold-badge = Présentez votre badge
hold-badge-brief = Votre badge
other-door = Prenez une autre porte
other-door-brief = Autre porte
scan-claim = Scannez le code initial
scan-claim-brief = Scannez code

# Said in one line, on a console or by a screen reader.
line-since = { $direction ->
    [out] Déjà dehors depuis { $time }
   *[in] Déjà dedans depuis { $time }
}

# Answers to a time code, for staff.
time-set = Heure réglée
time-set-short = Heure
time-about = vers { $time }
time-old = Code périmé
time-old-short = Vieux
time-old-reason = Montrez un code récent
time-old-reason-brief = Nouveau code
time-not-ours = Autre code
time-not-ours-short = Autre
time-not-ours-reason = Pas de cet émetteur
time-not-ours-reason-brief = Pas d’ici
time-unreadable = Réessayez
time-unreadable-short = Bis
time-unreadable-reason = Lu en partie seulement
time-unreadable-reason-brief = Lu en partie

# Answers to a staff badge, for staff.
staff-direction = Sens réglé
staff-direction-brief = Sens réglé
staff-either = Les deux
staff-either-short = Deux
staff-scan = Corriger
staff-scan-short = Faux
staff-scan-reason = Scannez encore le badge
staff-scan-reason-brief = Même badge
staff-back = Annulé
staff-back-short = Fait
staff-back-reason = Scannez dans le bon sens
staff-back-reason-brief = À rescanner
staff-nothing = Aucun
staff-nothing-short = Aucun
staff-nothing-reason = Rien à annuler ici
staff-nothing-reason-brief = Rien ici
staff-refused = Non valable
staff-refused-short = Non
staff-refused-reason = Badge du personnel non valable
staff-refused-reason-brief = Du personnel
