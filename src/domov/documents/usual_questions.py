"""Questions as people ask their documents, in several languages: what all of them have in common says nothing.

Their mean vector is taken off a question before it is compared; see `vectors`. Changing them changes every search:
measure first (benchmarks/documents.py).
"""

QUESTIONS = (
    "Who wrote this letter and when?",
    "How much does the rent cost each month?",
    "What is the phone number of the dentist?",
    "When does the insurance contract end?",
    "How do I bake bread at home?",
    "Which countries took part in the war?",
    "What did we agree on at the last meeting?",
    "How is the machine cleaned?",
    "Where can I find the invoice for the car?",
    "Why was the project delayed?",
    "What are the symptoms of the disease?",
    "How do I install the program?",
    "Kdo napsal tento dopis a kdy?",
    "Kolik stojí měsíční nájem?",
    "Jaké je telefonní číslo na zubaře?",
    "Kdy končí pojistná smlouva?",
    "Jak se doma peče chléb?",
    "Které země se účastnily války?",
    "Na čem jsme se dohodli na poslední schůzce?",
    "Jak se stroj čistí?",
    "Kde najdu fakturu za auto?",
    "Proč se projekt zpozdil?",
    "Jaké jsou příznaky nemoci?",
    "Jak nainstaluji program?",
    "Wie hoch ist die Miete im Monat?",
    "Wann endet der Vertrag?",
    "Quel est le numéro de téléphone du médecin ?",
    "¿Cuándo se firmó el acuerdo?",
    "Kto jest odpowiedzialny za projekt?",
    "Сколько стоит ремонт?",
    "この契約はいつ終わりますか?",
    "工厂在哪里?",
)
