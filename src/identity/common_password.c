/* The list, in order of bytes, and the ways people vary it. */
#include <string.h>

#include "pool.h"

#include "common_password.h"

static const char *const LIST[] = {
	"00000000", "0000000000", "01011980", "01011990", "01012000", "01020304", "0123456789",
	"0987654321", "10203040", "102030405060", "1029384756", "11111111", "1111111111",
	"11112222", "11223344", "1122334455", "112233445566", "11235813", "12121212", "12131415",
	"123123123", "123321123", "12341234", "12344321", "123454321", "1234554321",
	"123456654321", "12345678", "123456789", "1234567890", "123456789a", "123456a", "1234abcd",
	"1234qwer", "123654789", "12369874", "123abc", "123qwe", "123qweasd", "123qweasdzxc",
	"12qwaszx", "13131313", "135792468", "14725836", "147258369", "147852369", "159357456",
	"159753456", "19841984", "1q2w3e", "1q2w3e4r", "1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz2wsx",
	"1qazxsw2", "20002000", "20202020", "20212021", "20222022", "20232023", "20242024",
	"20252025", "20262026", "22222222", "246813579", "27182818", "31121999", "31415926",
	"314159265", "321654987", "33333333", "44444444", "456789123", "55555555", "66666666",
	"69696969", "741852963", "77777777", "78945612", "789456123", "87654321", "88888888",
	"963852741", "987654321", "9876543210", "99999999", "a123456", "a12345678", "a123456789",
	"a1b2c3", "a1b2c3d4", "a1z2e3r4", "a1z2e3r4t5", "aa123456", "aaaa1111", "abab1212",
	"abc123", "abc12345", "abcabc", "abcd", "abcd1234", "abcde", "abcdef", "abcdefg",
	"abcdefgh", "acces", "access", "accueil", "adm1n", "admin", "admin123", "administrateur",
	"administrator", "afrique", "alex", "alexander", "alexandra", "alexandre", "alexis",
	"algerie", "allah", "allez", "allezlom", "always", "amanda", "america", "american", "ami",
	"amie", "amies", "amis", "amour", "andrew", "android", "ange", "angel", "angels", "anges",
	"anthony", "antoine", "anything", "aout", "apple", "apples", "april", "aqw123", "aqwzsx",
	"aqwzsxedc", "arcenciel", "argent", "argentina", "arsenal", "arthur", "asd", "asd123",
	"asdf", "asdf1234", "asdfasdf", "asdfg", "asdfgh", "asdfghj", "asdfghjk", "asdfghjkl",
	"ashley", "assassin", "asshole", "audi", "august", "aurelie", "australia", "automne",
	"autumn", "avril", "azerty", "azertyu", "azertyui", "azertyuiop", "baby", "babyboy",
	"babygirl", "badboy", "badgirl", "bailey", "banana", "banane", "bank", "banker", "banque",
	"barcelona", "bart", "baseball", "basketball", "bastard", "batman", "beach", "beatles",
	"beaute", "beautiful", "bebe", "belle", "bestfriend", "bff", "bienvenue", "biscuit",
	"bismillah", "bitch", "blabla", "blahblah", "blanc", "blessed", "bleu", "blink182", "blue",
	"bmw", "bonjour", "bonsoir", "bordeaux", "boston", "brasil", "brazil", "bretagne",
	"brother", "buddy", "budweiser", "bulldog", "bureau", "buster", "butter", "butterfly",
	"cafe", "california", "california1", "camaro", "cameroun", "camille", "canada", "cannabis",
	"caramel", "caroline", "cash", "cat", "catherine", "cats", "cedric", "celine", "cerise",
	"champion", "chance", "change", "changeme", "changemenow", "chantal", "charles", "charlie",
	"charlotte", "chat", "chaton", "chats", "cheese", "cheese1", "chelsea", "cheri", "cherie",
	"cherry", "cheval", "chevaux", "chicago", "chien", "chiens", "china", "chloe", "chocolat",
	"chocolate", "chouchou", "chouette", "christ", "christian", "christine", "christophe",
	"church", "citroen", "citron", "claire", "claude", "clavier", "cle", "clef", "clement",
	"client", "clients", "coffee", "college", "colombia", "commune", "company", "compta",
	"comptabilite", "computer", "connard", "contact", "cookie", "cookies", "cool", "cooldude",
	"coolman", "copain", "copine", "corinne", "corse", "corsica", "corvette", "coucou",
	"counter", "counterstrike", "courriel", "courrier", "cowboys", "creative", "cristal",
	"crystal", "daddy", "dallas", "damien", "daniel", "daniele", "darling", "dauphin", "david",
	"debian", "december", "decembre", "default", "dell", "delphine", "demo", "denis",
	"deutschland", "diablo", "diamant", "diamond", "diamonds", "didier", "dimanche",
	"direction", "docteur", "doctor", "dog", "doggie", "dogs", "dollar", "dolphin",
	"dominique", "donald", "doraemon", "doudou", "dragon", "dragonball", "dragons", "drummer",
	"eagle", "eagles", "earth", "ecole", "elizabeth", "email", "emilie", "eminem", "emma",
	"enculer", "england", "enter", "entree", "entreprise", "entrer", "enveloppe", "eric",
	"espana", "ete", "etoile", "etudiant", "everything", "exit", "fabien", "fabrice",
	"facebook", "facteur", "faith", "falcon", "famille", "family", "father", "february",
	"ferrari", "ferrari1", "feuer", "fevrier", "fire", "fire123", "firefire", "fleur",
	"fleurs", "florence", "florian", "florida", "flower", "flowers", "foot", "football",
	"footballer", "forever", "fortnite", "fraise", "france", "france98", "francis", "francois",
	"frederic", "freedom", "frere", "friday", "friend", "friends", "frodo", "fromage",
	"fuckme", "fuckoff", "fuckyou", "fuckyou1", "futurama", "gabriel", "gagnant", "game",
	"gamer", "games", "gaming", "gandalf", "gangsta", "gangster", "garfield", "genial",
	"george", "georges", "gerard", "germany", "gilles", "ginger", "gmail", "god", "godisgood",
	"gold", "golden", "golf", "golfer", "google", "gorgeous", "grace", "grandma", "grandpa",
	"green", "green182", "guadeloupe", "guerrier", "guest", "guillaume", "guinness", "guitar",
	"guitare", "hannah", "happy", "harley", "hawaii", "heather", "heaven", "heineken",
	"helene", "hello", "hello123", "hellokitty", "helloworld", "henri", "herve", "heureux",
	"hiver", "hobbit", "hockey", "homer", "honda", "honey", "honeybee", "horse", "horses",
	"hotboy", "hotgirl", "hotmail", "houston", "hugo", "hunter", "hunting", "hurricane",
	"iloveyou", "iloveyou2", "india", "indonesia", "info", "inshallah", "internet",
	"internet1", "iphone", "ireland", "ironman", "isabelle", "islam", "italia", "italy",
	"jack", "jackson", "jacques", "jamais", "james", "january", "janvier", "japan", "jean",
	"jennifer", "jerome", "jessica", "jesus", "jesuschrist", "jetaime", "jeudi", "john",
	"johnny", "jonathan", "jordan", "jordan23", "joseph", "joshua", "jtm", "juillet", "juin",
	"julie", "julien", "juliette", "july", "june", "justine", "juventus", "kevin", "keyboard",
	"keyword", "killer", "king", "kitten", "kitty", "knight", "korea", "l0gin", "lakers",
	"laposte", "laura", "laure", "lauren", "laurent", "lea", "legolas", "lemon", "leo",
	"letmein", "letmein1", "lettre", "liberte", "liberty", "lightning", "lille", "linkedin",
	"linux", "lion", "lionel", "liverpool", "login", "loic", "london", "louis", "louise",
	"loulou", "loulou1", "love", "love1234", "lovely", "loveme", "lover", "loveyou", "lucas",
	"lucie", "lucky", "ludovic", "lundi", "lune", "lyon", "m0tdepasse", "machin", "maggie",
	"mai", "mail", "mailer", "mairie", "mama", "maman", "mamanpapa", "mamapapa", "mamie",
	"mamour", "manon", "mapuce", "marc", "march", "mardi", "margot", "marguerite", "maria",
	"marie", "marijuana", "marine", "mario", "marion", "marlboro", "maroc", "mars",
	"marseille", "martin", "martine", "martinique", "master", "mathieu", "mathilde", "matrix",
	"matthew", "maxime", "may", "mdp", "melissa", "mercedes", "mercredi", "merde", "merlin",
	"messi", "metallica", "mexico", "michael", "michelle", "mickael", "mickey", "microsoft",
	"million", "minecraft", "minnie", "mohamed", "mohammed", "mommy", "monamour", "moncoeur",
	"monday", "money", "money123", "monique", "monitor", "monkey", "montagne", "moon",
	"moscow", "motdepasse", "motdepasse1", "mother", "motorola", "mountain", "mouse", "music",
	"musique", "mustang", "mynoob", "nadine", "nantes", "naruto", "natalie", "nathalie",
	"nathan", "network", "never", "newyork", "nice", "nicolas", "nicolas1", "nicole",
	"nimportequoi", "ninja", "nintendo", "niquer", "nirvana", "noemie", "noir", "noire",
	"nokia", "noob", "nothing", "nounours", "november", "novembre", "nurse", "nutella",
	"ocean", "oceane", "october", "octobre", "office", "olivier", "olympique", "opensesame",
	"orange", "orange1", "ordinateur", "ouvretoi", "p@ssw0rd", "p@ssword", "pa55w0rd",
	"pa55word", "pakistan", "papa", "papillon", "paris", "paris75", "partner", "pascal",
	"pass", "pass1234", "passe", "passer", "passion", "passw0rd", "passw0rt", "password",
	"password1234", "passwort", "patrick", "paul", "pauline", "peaches", "pepper", "peugeot",
	"philippe", "phoenix", "phoenix1", "piano", "pierre", "pikachu", "pizza", "plage",
	"playboy", "player", "player1", "playstation", "pli", "pokemon", "police", "pompier",
	"ponies", "porsche", "portugal", "poste", "pretty", "prince", "princess", "princesse",
	"printemps", "private", "prive", "psg", "puppy", "purple", "pussy", "putain", "q1w2e3r4",
	"q1w2e3r4t5", "qazwsx", "qazwsxedc", "qsdfgh", "qsdfghjklm", "queen", "quentin", "qwaszx",
	"qwe", "qwe123", "qweasd", "qweasdzxc", "qwer1234", "qwerty", "qwertyqwerty", "qwertyu",
	"qwertyui", "qwertyuiop", "qwertz", "qwertzui", "r00t", "rachel", "rainbow", "ranger",
	"rangers", "raphael", "rapper", "realmadrid", "recommande", "regine", "remember", "remi",
	"renault", "reunion", "rich", "richard", "river", "robert", "rock", "rocknroll",
	"rockstar", "rockyou", "romain", "ronaldo", "root", "rose", "roses", "rouge", "rugby",
	"russia", "s3cr3t", "s3cret", "sabrina", "salope", "salut", "samantha", "samedi",
	"samsung", "samurai", "sandra", "sandrine", "sarah", "saturday", "school", "scooby",
	"scooter", "scotland", "sebastien", "secret", "secretariat", "secrete", "secrets",
	"secure", "securite", "security", "senegal", "september", "septembre", "serge", "server",
	"service", "services", "sesame", "sesameouvretoi", "sexy", "sexyboy", "sexygirl", "shadow",
	"silver", "simon", "simpsons", "sister", "skater", "sky", "slipknot", "smile", "smiley",
	"snoopy", "soccer", "societe", "soeur", "soldier", "soleil", "solo", "something", "sonic",
	"sophie", "sourire", "souris", "southpark", "spiderman", "spring", "star", "starcraft",
	"stars", "starwars", "steelers", "stephane", "stephanie", "storm", "student", "success",
	"summer", "sun", "sunday", "sunshine", "super", "superman", "supernova", "superstar",
	"support", "surfer", "sweet", "sweetheart", "sweetie", "sweety", "sylvain", "sylvie",
	"system", "systeme", "t3st", "tata", "teacher", "tennis", "tequila", "test", "test123",
	"test1234", "tester", "testing", "tetris", "texas", "theo", "thierry", "thomas", "thug",
	"thunder", "thursday", "tiger", "tigers", "tigger", "tigre", "timbre", "titi", "together",
	"tokyo", "toor", "tornado", "toto", "toujours", "toulouse", "toyota", "travail",
	"treasure", "tresor", "trinity", "trustno1", "tuesday", "tunisie", "tutu", "twitter",
	"ubuntu", "universite", "university", "user", "username", "utilisateur", "valentin",
	"valerie", "vanessa", "vendredi", "veronique", "vert", "victoire", "victor", "victoria",
	"victory", "vincent", "virginie", "vodka", "w3lcome", "warcraft", "warrior", "water",
	"wednesday", "weed420", "welcome", "welcome1", "whatever", "whatever1", "whisky",
	"william", "windows", "winner", "winter", "wizard", "wxcvbn", "xavier", "xbox360", "yahoo",
	"yamaha", "yankees", "yann", "yannick", "yellow", "youtube", "yves", "zaq12wsx",
	"zaq1xsw2", "zaq1zaq1", "zelda", "zidane", "zinch", "zxasqw", "zxc", "zxc123", "zxcv",
	"zxcv1234", "zxcvb", "zxcvbn", "zxcvbnm",
};
#define LIST_COUNT (sizeof(LIST) / sizeof(LIST[0]))
#define WORD_MAX 64
#define TAIL_MAX 4

static bool listed(const char *s, size_t n)
{
	size_t low = 0, high = LIST_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strncmp(s, LIST[middle], n);
		if (order == 0 && LIST[middle][n] == '\0')
			return true;
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* The same step from each byte to the next: "aaaaaaaa", "12345678", "hgfedcba". */
static bool is_run(const char *s, size_t n)
{
	int step = n > 1 ? s[1] - s[0] : 0;

	if (step < -1 || step > 1)
		return false;
	for (size_t i = 1; i < n; i++)
		if (s[i] - s[i - 1] != step)
			return false;
	return true;
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

bool common_password_is(const char *password)
{
	char word[WORD_MAX];
	size_t n = strlen(password);
	bool found;

	if (n >= sizeof(word))
		return is_run(password, n);
	for (size_t i = 0; i < n; i++)
		word[i] = password[i] >= 'A' && password[i] <= 'Z' ? (char)(password[i] + 32) : password[i];
	found = is_run(word, n) || listed(word, n);
	for (size_t tail = 1; !found && tail <= TAIL_MAX && tail < n && !is_letter(word[n - tail]); tail++)
		found = listed(word, n - tail);
	mem_wipe(word, sizeof(word));
	return found;
}
