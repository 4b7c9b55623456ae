"""The body of a producer's update: the application's form, of which only its own data may be given."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from services.kernel.http import forms as shared
from services.kernel.http.forms import Form, FormWrong, NameForm
from services.register.api import values
from services.register.domain.updating import Given


def _refuse(_value: object) -> None:
    raise FormWrong("verified_field")


Verified = SkipJsonSchema[Annotated[Any, BeforeValidator(_refuse)]]
"""A field of the application that was verified: it is known here only to say so."""


class ProducerUpdateForm(Form):
    """How the producer is called; its BIN or IIN is its identity."""

    name: NameForm | None = None
    registration_number: values.RegistrationNumber | None = None
    bin: Verified = None
    iin: Verified = None


class ContactsUpdateForm(Form):
    """How the producer is reached."""

    address: Annotated[str, shared.text(500)] | None = None
    email: values.Email | None = None
    telephone: values.Telephone | None = None


class ActivityUpdateForm(Form):
    """What the producer does and where."""

    oked_primary: values.Oked | None = None
    oked_secondary: list[values.Oked] | None = Field(default=None, max_length=20)
    kato: values.Kato | None = None


class ProductUpdateForm(Form):
    """How much of the product is made in a year; what the product is was verified."""

    capacity_per_year: values.Capacity | None = None
    name: Verified = None
    tn_ved: Verified = None
    kpved: Verified = None
    ens_tru: Verified = None
    agsk3: Verified = None


class UpdateForm(Form):
    """What changed of the data that the producer gave for inclusion; what is left out stays as it is."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "contacts": {"email": "office@dala.example", "telephone": "+7 7172 111111"},
                    "activity": {"oked_secondary": ["62020", "63110"]},
                    "product": {"capacity_per_year": "2000"},
                }
            ]
        },
    )

    producer: ProducerUpdateForm = ProducerUpdateForm()
    contacts: ContactsUpdateForm = ContactsUpdateForm()
    activity: ActivityUpdateForm = ActivityUpdateForm()
    product: ProductUpdateForm = ProductUpdateForm()
    changed_on: shared.LegalDay | None = Field(
        default=None,
        description="The legal day from which the change stands; today in Almaty when absent.",
    )
    reporting_year: Verified = None
    documents: Verified = None

    def given(self) -> Given:
        """As the domain takes it."""
        secondary = self.activity.oked_secondary
        return Given(
            changed_on=self.changed_on,
            name=self.producer.name.text() if self.producer.name else None,
            registration_number=self.producer.registration_number,
            address=self.contacts.address,
            email=self.contacts.email,
            telephone=self.contacts.telephone,
            oked_primary=self.activity.oked_primary,
            oked_secondary=None if secondary is None else tuple(secondary),
            kato=self.activity.kato,
            capacity_per_year=self.product.capacity_per_year,
        )
