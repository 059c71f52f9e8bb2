"""What a password must be: long, and not easily thought of. Kinds of characters are not asked for (NIST SP 800-63B, 3.1.1)."""

from tms.identity.builtin.credentials import LONGEST_PASSWORD

SHORTEST = 12
FEWEST_DIFFERENT = 5
EXPLANATION = (
    f"At least {SHORTEST} characters; a few words that only you would put together are good. "
    "It must not contain the first part of your e-mail address."
)

# The most common passwords that are long enough; shorter ones are refused by their length.
_COMMON = frozenset(
    """
    123456789012 1234567890123 12345678901234 123456789123 1234567891011 123456123456 012345678910 111222333444
    112233445566 password1234 password12345 password123456 passwordpassword password@123 passw0rd1234 p@ssword1234
    p@ssw0rd1234 mypassword123 mypassword1234 newpassword1 newpassword123 changeme1234 changemeplease changemenow1
    administrator administrator1 administrator123 adminadmin12 adminadminadmin admin123admin admin1234567 welcome12345
    welcome123456 welcome@1234 welcomewelcome letmein12345 letmeinletmein letmeinplease qwertyuiop12 qwertyuiop123
    qwertyuiop1234 qwertyuiop[] qwertyuiopasdfghjkl qwerty123456 qwerty1234567 qwertyqwerty qwertyqwerty1
    1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv qazwsxedcrfv qazwsxedc123 asdfghjkl123 asdfghjkl1234
    zxcvbnm12345 zxcvbnm123456 abcdefghijkl abcdefghijklm abcdefg12345 abcdef123456 abcd12345678 abc123abc123
    abc123456789 iloveyou1234 iloveyou12345 iloveyouforever ilovemyfamily sunshine1234 princess1234 football1234
    baseball1234 superman1234 monkey123456 dragon123456 master123456 shadow123456 michael12345 trustno1trustno1
    correcthorsebatterystaple training1234 training12345 trainingtraining student12345 student123456 studentstudent
    teacher12345 company12345 computer1234 internet1234 default12345 defaultpassword temporary123 temppassword
    temppassword1 testpassword testpassword1 testtesttest test12345678 secret123456 secretsecret mysecretpassword
    """.split()  # noqa: SIM905 - a list of a hundred words reads better as text
)


def complaint(password: str, repeated: str, *, email: str) -> str | None:
    """What is wrong with a new password, said to its owner; none where it is good."""
    if password != repeated:
        return "The two passwords are not the same. Type the new password twice."
    if len(password) < SHORTEST:
        return f"The new password must have at least {SHORTEST} characters."
    if len(password) > LONGEST_PASSWORD:
        return f"The new password can have at most {LONGEST_PASSWORD} characters."
    folded = password.casefold()
    local = email.partition("@")[0].casefold()
    if len(local) >= 3 and local in folded:
        return "The new password must not contain the first part of your e-mail address."
    if folded.strip() in _COMMON or len(set(folded)) < FEWEST_DIFFERENT:
        return "This password is one of the first that anybody would try. Choose a less common one."
    return None
