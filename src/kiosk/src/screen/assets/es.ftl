# The large words. The short ones are for 7" screens: at most six letters.
checked-in = Entrada OK
checked-in-short = Pase
checked-out = Salida OK
checked-out-short = Fuera
already = { $direction ->
    [out] Ya fuera
   *[in] Ya dentro
}
already-short = Ya
unknown-badge = A recepción
unknown-badge-short = Ayuda
revoked-badge = No válida
revoked-badge-short = Nula
not-registered = Sin registro
not-registered-short = Lista
no-session = Pausa
no-session-short = Pausa
idle-in = Entrada
idle-in-short = Entre
idle-out = Salida
idle-out-short = Salga
idle-either = Entrada/salida
idle-either-short = IN/OUT
failure = No funciona
failure-short = Fallo
not-set-up = Sin ajustar
not-set-up-short = Fijar

# The lines under them.
already-since = desde las { $time }
already-since-short = { $direction ->
    [out] fuera desde { $time }
   *[in] dentro desde { $time }
}
unknown-badge-reason = Tarjeta desconocida
unknown-badge-reason-brief = Desconocida
revoked-badge-reason = Tarjeta anulada
not-registered-reason = No está en la lista
no-session-reason = Ahora no hay nada
no-session-reason-brief = Nada ahora
see-staff = Acuda a recepción
code = { $code } · { $kiosk }
minutes = lleva { $minutes } de { $total } min
on-track = { $count ->
    [one] { $credits } crédito en camino
   *[other] { $credits } créditos en camino
}
so-far = { $count ->
    [one] { $credits } crédito logrado
   *[other] { $credits } créditos logrados
}
capped = { $count ->
    [one] { $credits } crédito, tope
   *[other] { $credits } créditos, tope
}
not-yet = aún sin créditos
no-credit = esta vez sin créditos
out-of-reach = queda muy poco tiempo
person = alguien lo revisará
hold-badge = Acerque su tarjeta
hold-badge-brief = Su tarjeta
other-door = Use otra puerta
other-door-brief = Otra puerta
scan-claim = Lea el código inicial
scan-claim-brief = Lea el código

# Said in one line, on a console or by a screen reader.
line-since = { $direction ->
    [out] Ya fuera desde las { $time }
   *[in] Ya dentro desde las { $time }
}

# Answers to a time code, for staff.
time-set = Hora puesta
time-set-short = Hora
time-about = hacia las { $time }
time-old = Código viejo
time-old-short = Viejo
time-old-reason = Muestre otro código
time-old-reason-brief = Código nuevo
time-not-ours = Otro código
time-not-ours-short = Otro
time-not-ours-reason = De otro emisor
time-not-ours-reason-brief = De otro emisor
time-unreadable = Otra vez
time-unreadable-short = Relea
time-unreadable-reason = Leído solo en parte
time-unreadable-reason-brief = Leído en parte

# Answers to a staff badge, for staff.
staff-direction = Sentido fijado
staff-direction-brief = Fijado
staff-either = Ambos
staff-either-short = Dos
staff-scan = Corregir
staff-scan-short = Error
staff-scan-reason = Escanee otra vez la tarjeta
staff-scan-reason-brief = Misma tarjeta
staff-back = Anulado
staff-back-short = Nulo
staff-back-reason = Escanéela ahora bien
staff-back-reason-brief = Otra vez
staff-nothing = Ninguno
staff-nothing-short = Nada
staff-nothing-reason = Nada que anular aquí
staff-nothing-reason-brief = Nada aquí
staff-refused = No válida
staff-refused-short = No
staff-refused-reason = Tarjeta de personal no válida
staff-refused-reason-brief = De personal
